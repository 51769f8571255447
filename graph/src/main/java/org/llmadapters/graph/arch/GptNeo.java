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
 * GPT-Neo: learned positions; scores that are not scaled; a window of {@code window_size} tokens on
 * the layers that {@code attention_types} calls local; biases but for queries, keys and values;
 * tied embeddings.
 *
 * <p>Source: Black et al. 2021, doi:10.5281/zenodo.5297715; transformers, {@code
 * modeling_gpt_neo.py}.
 */
final class GptNeo {

  static final Family FAMILY =
      new Family(
          "gpt_neo",
          "GPTNeoForCausalLM",
          new BlockSpec(
              Norm.LAYER_NORM,
              PositionEncoding.LEARNED,
              new BlockSpec.Attention(Projections.SEPARATE, false),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.OUT_IN,
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
                  new ModuleNames.Block("ln_1", "attn.attention", "ln_2", "mlp"),
                  ModuleNames.Attention.separate("q_proj", "k_proj", "v_proj", "out_proj"),
                  new ModuleNames.Mlp(null, "c_fc", "c_proj"))),
          ConfigKeys.of(
              Map.ofEntries(
                  Map.entry("num_attention_heads", "num_heads"),
                  Map.entry("num_hidden_layers", "num_layers"),
                  Map.entry("hidden_act", "activation_function"),
                  Map.entry("norm_eps", "layer_norm_epsilon")),
              new ConfigKeys.Defaults(
                  Activation.GELU_TANH,
                  1e-5,
                  new Biases(false, true, true),
                  Residual.SEQUENTIAL,
                  1,
                  4,
                  true,
                  50256,
                  50256),
              "attention_types",
              "attention_layers",
              "window_size"),
          ImmutableSet.of("attn.attention.bias", "attn.attention.masked_bias"));

  private GptNeo() {}
}
