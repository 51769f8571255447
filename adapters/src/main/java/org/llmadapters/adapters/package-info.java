/** Adapter kinds, and the splicer that puts them into a base graph. Nothing here opens a file. */
@NullMarked
package org.llmadapters.adapters;

import org.jspecify.annotations.NullMarked;
