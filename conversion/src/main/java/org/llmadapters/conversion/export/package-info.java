/** Versioned models for TensorFlow Serving, and the command that writes them. */
@NullMarked
package org.llmadapters.conversion.export;

import org.jspecify.annotations.NullMarked;
