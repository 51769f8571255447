/** The trainer: the compiled step, its options, checkpoints and the loop around it. */
@NullMarked
package org.llmadapters.training;

import org.jspecify.annotations.NullMarked;
