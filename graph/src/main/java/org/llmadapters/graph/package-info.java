/**
 * The base model as a TensorFlow graph: sizes, wiring, building, rewriting, compiling and storing
 * it.
 *
 * <p>Letters used for tensor axes in every Javadoc and comment of this project:
 *
 * <pre>
 *   B  batch                      N  num_attention_heads
 *   T  query tokens               K  num_key_value_heads
 *   S  key tokens (cache slots)   G  query heads per key/value head, N / K
 *   H  hidden_size                D  head_dim
 *   F  intermediate_size          V  vocab_size
 *   L  num_hidden_layers          R  rank of LoRA
 * </pre>
 */
@NullMarked
package org.llmadapters.graph;

import org.jspecify.annotations.NullMarked;
