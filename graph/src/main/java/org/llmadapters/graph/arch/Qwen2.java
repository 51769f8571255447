package org.llmadapters.graph.arch;

import com.google.common.collect.ImmutableSet;
import java.util.Map;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ConfigKeys;
import org.llmadapters.graph.spec.Norm;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.graph.spec.Projections;
import org.llmadapters.graph.spec.Residual;
import org.llmadapters.graph.spec.WeightLayout;

/**
 * Qwen2 and Qwen2.5: LLaMA with biases on queries, keys and values, and a sliding window on the
 * layers from {@code max_window_layers} on if {@code use_sliding_window} is true.
 *
 * <p>Source: Yang et al. 2024, arXiv:2407.10671; transformers, {@code modeling_qwen2.py}.
 */
final class Qwen2 {

  static final Family FAMILY =
      new Family(
          "qwen2",
          "Qwen2ForCausalLM",
          new BlockSpec(
              Norm.RMS_NORM,
              PositionEncoding.ROTARY_HALVES,
              new BlockSpec.Attention(Projections.SEPARATE, true),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.OUT_IN,
              false,
              Llama.NAMES),
          ConfigKeys.of(
              Map.of("norm_eps", "rms_norm_eps"),
              new ConfigKeys.Defaults(
                  Activation.SILU,
                  1e-6,
                  new Biases(true, false, false),
                  Residual.SEQUENTIAL,
                  1,
                  0,
                  false,
                  151643,
                  151645),
              "num_key_value_heads",
              "head_dim",
              "sliding_window",
              "use_sliding_window",
              "max_window_layers",
              "layer_types"),
          ImmutableSet.of("rotary_emb.inv_freq"));

  private Qwen2() {}
}
