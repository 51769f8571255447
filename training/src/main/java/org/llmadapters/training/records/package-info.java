/** Reads training records, one after the other, from the formats that they come in. */
@NullMarked
package org.llmadapters.training.records;

import org.jspecify.annotations.NullMarked;
