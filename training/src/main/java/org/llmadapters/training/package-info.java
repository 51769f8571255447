/** A training run: its options, its loop, its checkpoints and its folder. */
@NullMarked
package org.llmadapters.training;

import org.jspecify.annotations.NullMarked;
