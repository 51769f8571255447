/** What there is to compute on, and what is missing: {@code llm-adapters devices}. */
@NullMarked
package org.llmadapters.training.devices;

import org.jspecify.annotations.NullMarked;
