/** The rules by which trained variables follow their gradients. */
@NullMarked
package org.llmadapters.training.optimizer;

import org.jspecify.annotations.NullMarked;
