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
 * GPT-NeoX, such as Pythia: attention and MLP side by side, each behind a LayerNorm of its own, or
 * one after the other if {@code use_parallel_residual} is false; rotary positions in half-split
 * order on a part of a head, {@code rotary_pct}; queries, keys and values from one projection, side
 * by side for each head; biases in the blocks.
 *
 * <p>Source: Black et al. 2022, arXiv:2204.06745; transformers, {@code modeling_gpt_neox.py}.
 */
final class GptNeoX {

  static final Family FAMILY =
      new Family(
          "gpt_neox",
          "GPTNeoXForCausalLM",
          new BlockSpec(
              Norm.LAYER_NORM,
              PositionEncoding.ROTARY_HALVES,
              new BlockSpec.Attention(Projections.FUSED_BY_HEAD, true),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.OUT_IN,
              false,
              new ModuleNames(
                  ModuleNames.Model.plain(
                      "gpt_neox.embed_in",
                      "gpt_neox.layers",
                      "gpt_neox.final_layer_norm",
                      "embed_out"),
                  new ModuleNames.Block(
                      "input_layernorm", "attention", "post_attention_layernorm", "mlp"),
                  ModuleNames.Attention.fused("query_key_value", "dense"),
                  new ModuleNames.Mlp(null, "dense_h_to_4h", "dense_4h_to_h"))),
          ConfigKeys.of(
              Map.ofEntries(
                  Map.entry("norm_eps", "layer_norm_eps"),
                  Map.entry("rope_theta", "rotary_emb_base"),
                  Map.entry("partial_rotary_factor", "rotary_pct")),
              new ConfigKeys.Defaults(
                  Activation.GELU,
                  1e-5,
                  Biases.ALL,
                  Residual.PARALLEL_TWO_NORMS,
                  0.25,
                  0,
                  false,
                  0,
                  2),
              "use_parallel_residual",
              "attention_bias"),
          ImmutableSet.of("rotary_emb.inv_freq", "attention.bias", "attention.masked_bias"));

  private GptNeoX() {}
}
