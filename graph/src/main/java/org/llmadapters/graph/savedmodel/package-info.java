/** SavedModel and TensorBundle files, written and read without a session. */
@NullMarked
package org.llmadapters.graph.savedmodel;

import org.jspecify.annotations.NullMarked;
