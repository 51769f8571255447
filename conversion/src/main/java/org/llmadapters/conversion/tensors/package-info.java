/** Named tensors in files, whatever the format: where they lie, and their elements. */
@NullMarked
package org.llmadapters.conversion.tensors;

import org.jspecify.annotations.NullMarked;
