/** A run as a page and as pictures, made of the files in its folder. */
@NullMarked
package org.llmadapters.training.report;

import org.jspecify.annotations.NullMarked;
