/**
 * One training step as a graph call: forward pass, loss, gradients of the trained variables and the
 * update.
 */
@NullMarked
package org.llmadapters.training.step;

import org.jspecify.annotations.NullMarked;
