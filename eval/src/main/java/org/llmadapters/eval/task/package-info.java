/** Benchmark tasks: their files, how an answer is found in a response, and the score. */
@NullMarked
package org.llmadapters.eval.task;

import org.jspecify.annotations.NullMarked;
