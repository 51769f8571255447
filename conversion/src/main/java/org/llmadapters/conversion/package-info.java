/** Checkpoints to base SavedModels, and back; the commands that do it. */
@NullMarked
package org.llmadapters.conversion;

import org.jspecify.annotations.NullMarked;
