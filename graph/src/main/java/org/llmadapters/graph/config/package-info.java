/** Sizes of a model, named as in Hugging Face's {@code config.json}: records only. */
@NullMarked
package org.llmadapters.graph.config;

import org.jspecify.annotations.NullMarked;
