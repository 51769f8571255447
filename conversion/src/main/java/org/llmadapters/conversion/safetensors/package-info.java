/** The safetensors format, read and written. */
@NullMarked
package org.llmadapters.conversion.safetensors;

import org.jspecify.annotations.NullMarked;
