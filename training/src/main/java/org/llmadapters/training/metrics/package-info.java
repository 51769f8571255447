/** What a run measures while it trains: {@code metrics.jsonl} and the files of TensorBoard. */
@NullMarked
package org.llmadapters.training.metrics;

import org.jspecify.annotations.NullMarked;
