/** How much memory of a device a training run takes, found from its graphs before it starts. */
@NullMarked
package org.llmadapters.training.memory;

import org.jspecify.annotations.NullMarked;
