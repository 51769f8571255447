/** {@code llm-adapters bench}: measurements that print one JSON line per result. */
@NullMarked
package org.llmadapters.training.bench;

import org.jspecify.annotations.NullMarked;
