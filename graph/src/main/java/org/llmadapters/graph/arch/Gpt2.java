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
 * GPT-2: learned positions; weights stored as {@code [in, out]}; queries, keys and values from one
 * projection, one after the other; GELU in its tanh form; biases everywhere; tied embeddings.
 *
 * <p>Source: Radford et al. 2019, "Language models are unsupervised multitask learners";
 * transformers, {@code modeling_gpt2.py}.
 */
final class Gpt2 {

  static final Family FAMILY =
      new Family(
          "gpt2",
          "GPT2LMHeadModel",
          new BlockSpec(
              Norm.LAYER_NORM,
              PositionEncoding.LEARNED,
              new BlockSpec.Attention(Projections.FUSED_IN_BLOCKS, true),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.IN_OUT,
              false,
              new ModuleNames(
                  new ModuleNames.Model(
                      "transformer.wte",
                      "transformer.wpe",
                      null,
                      "transformer.h",
                      "transformer.ln_f",
                      "lm_head",
                      null,
                      null),
                  new ModuleNames.Block("ln_1", "attn", "ln_2", "mlp"),
                  ModuleNames.Attention.fused("c_attn", "c_proj"),
                  new ModuleNames.Mlp(null, "c_fc", "c_proj"))),
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
                  Biases.ALL,
                  Residual.SEQUENTIAL,
                  1,
                  4,
                  true,
                  50256,
                  50256),
              "scale_attn_weights",
              "scale_attn_by_inverse_layer_idx"),
          ImmutableSet.of("attn.bias", "attn.masked_bias"));

  private Gpt2() {}
}
