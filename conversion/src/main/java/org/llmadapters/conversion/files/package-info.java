/** JSON files, and output that appears only when it is complete. */
@NullMarked
package org.llmadapters.conversion.files;

import org.jspecify.annotations.NullMarked;
