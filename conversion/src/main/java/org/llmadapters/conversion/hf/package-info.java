/** Checkpoint directories as Hugging Face transformers writes them. */
@NullMarked
package org.llmadapters.conversion.hf;

import org.jspecify.annotations.NullMarked;
