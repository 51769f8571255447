/** Weighted combinations of LoRA adapters, and the command that writes them. */
@NullMarked
package org.llmadapters.conversion.combine;

import org.jspecify.annotations.NullMarked;
