/** PyTorch's own file format, read without running anything that a file names. */
@NullMarked
package org.llmadapters.conversion.pytorch;

import org.jspecify.annotations.NullMarked;
