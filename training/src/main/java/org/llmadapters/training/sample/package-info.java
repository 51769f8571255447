/**
 * The word problems, the tokenizer and the sizes of the tiny LLaMA that comes with the project,
 * generated from a seed.
 */
@NullMarked
package org.llmadapters.training.sample;

import org.jspecify.annotations.NullMarked;
