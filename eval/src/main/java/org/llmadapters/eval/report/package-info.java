/** Results of evaluations: tables over tasks and adapters, and the comparison of two. */
@NullMarked
package org.llmadapters.eval.report;

import org.jspecify.annotations.NullMarked;
