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
 * GPT-J: attention and MLP side by side behind one LayerNorm; rotary positions in interleaved order
 * on the first {@code rotary_dim} elements of a head; biases in the MLP and in the projection to
 * the vocabulary.
 *
 * <p>Source: Wang and Komatsuzaki 2021, github.com/kingoflolz/mesh-transformer-jax; transformers,
 * {@code modeling_gptj.py}.
 */
final class GptJ {

  static final Family FAMILY =
      new Family(
          "gptj",
          "GPTJForCausalLM",
          new BlockSpec(
              Norm.LAYER_NORM,
              PositionEncoding.ROTARY_INTERLEAVED,
              new BlockSpec.Attention(Projections.SEPARATE, true),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.OUT_IN,
              true,
              new ModuleNames(
                  ModuleNames.Model.plain(
                      "transformer.wte", "transformer.h", "transformer.ln_f", "lm_head"),
                  new ModuleNames.Block("ln_1", "attn", null, "mlp"),
                  ModuleNames.Attention.separate("q_proj", "k_proj", "v_proj", "out_proj"),
                  new ModuleNames.Mlp(null, "fc_in", "fc_out"))),
          ConfigKeys.of(
              Map.ofEntries(
                  Map.entry("hidden_size", "n_embd"),
                  Map.entry("num_hidden_layers", "n_layer"),
                  Map.entry("num_attention_heads", "n_head"),
                  Map.entry("intermediate_size", "n_inner"),
                  Map.entry("max_position_embeddings", "n_positions"),
                  Map.entry("hidden_act", "activation_function"),
                  Map.entry("norm_eps", "layer_norm_epsilon")),
              new ConfigKeys.Defaults(
                  Activation.GELU_TANH,
                  1e-5,
                  new Biases(false, false, true),
                  Residual.PARALLEL_ONE_NORM,
                  1,
                  4,
                  false,
                  50256,
                  50256),
              "rotary_dim",
              "rotary",
              "scale_attn_weights"),
          ImmutableSet.of("attn.bias", "attn.masked_bias", "attn.embed_positions"));

  private GptJ() {}
}
