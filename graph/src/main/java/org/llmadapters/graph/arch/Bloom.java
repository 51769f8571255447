package org.llmadapters.graph.arch;

import com.google.common.collect.ImmutableSet;
import java.util.Map;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ConfigKeys;
import org.llmadapters.graph.spec.ModuleNames;
import org.llmadapters.graph.spec.Norm;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.graph.spec.Projections;
import org.llmadapters.graph.spec.Residual;
import org.llmadapters.graph.spec.WeightLayout;

/**
 * BLOOM: LayerNorm, also behind the embedding; ALiBi; queries, keys and values from one projection,
 * side by side for each head; GELU in its tanh form; biases everywhere; tied embeddings.
 *
 * <p>Source: Le Scao et al. 2022, arXiv:2211.05100; transformers, {@code modeling_bloom.py}.
 */
final class Bloom {

  static final Family FAMILY =
      new Family(
          "bloom",
          "BloomForCausalLM",
          new BlockSpec(
              Norm.LAYER_NORM,
              PositionEncoding.ALIBI,
              new BlockSpec.Attention(Projections.FUSED_BY_HEAD, true),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.OUT_IN,
              false,
              new ModuleNames(
                  new ModuleNames.Model(
                      "transformer.word_embeddings",
                      null,
                      "transformer.word_embeddings_layernorm",
                      "transformer.h",
                      "transformer.ln_f",
                      "lm_head",
                      null,
                      null),
                  new ModuleNames.Block(
                      "input_layernorm", "self_attention", "post_attention_layernorm", "mlp"),
                  ModuleNames.Attention.fused("query_key_value", "dense"),
                  new ModuleNames.Mlp(null, "dense_h_to_4h", "dense_4h_to_h"))),
          ConfigKeys.of(
              Map.ofEntries(
                  Map.entry("hidden_size", "n_embed"),
                  Map.entry("num_hidden_layers", "n_layer"),
                  Map.entry("num_attention_heads", "n_head"),
                  Map.entry("intermediate_size", "n_inner"),
                  Map.entry("max_position_embeddings", "seq_length"),
                  Map.entry("norm_eps", "layer_norm_epsilon")),
              new ConfigKeys.Defaults(
                  Activation.GELU_TANH, 1e-5, Biases.ALL, Residual.SEQUENTIAL, 1, 4, true, 1, 2),
              "apply_residual_connection_post_layernorm"),
          ImmutableSet.of());

  private Bloom() {}
}
