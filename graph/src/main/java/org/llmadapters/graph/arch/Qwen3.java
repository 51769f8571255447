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
 * Qwen3: LLaMA with an RMSNorm on every query and key head, and windows as in Qwen2.
 *
 * <p>Source: Yang et al. 2025, arXiv:2505.09388; transformers, {@code modeling_qwen3.py}.
 */
final class Qwen3 {

  static final Family FAMILY =
      new Family(
          "qwen3",
          "Qwen3ForCausalLM",
          new BlockSpec(
              Norm.RMS_NORM,
              PositionEncoding.ROTARY_HALVES,
              new BlockSpec.Attention(Projections.SEPARATE, true),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.OUT_IN,
              false,
              new ModuleNames(
                  Llama.NAMES.model(),
                  Llama.NAMES.block(),
                  new ModuleNames.Attention(
                      "q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm"),
                  Llama.NAMES.mlp())),
          ConfigKeys.of(
              Map.of("norm_eps", "rms_norm_eps"),
              new ConfigKeys.Defaults(
                  Activation.SILU,
                  1e-6,
                  Biases.NONE,
                  Residual.SEQUENTIAL,
                  1,
                  0,
                  false,
                  151643,
                  151645),
              "num_key_value_heads",
              "head_dim",
              "attention_bias",
              "sliding_window",
              "use_sliding_window",
              "max_window_layers",
              "layer_types"),
          ImmutableSet.of("rotary_emb.inv_freq"));

  private Qwen3() {}
}
