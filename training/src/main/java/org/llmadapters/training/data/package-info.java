/** From a file of training records to padded micro batches of token ids. */
@NullMarked
package org.llmadapters.training.data;

import org.jspecify.annotations.NullMarked;
