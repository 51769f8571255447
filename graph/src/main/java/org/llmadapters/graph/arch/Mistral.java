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
 * Mistral: LLaMA with a sliding window, {@code sliding_window}, on all layers.
 *
 * <p>Source: Jiang et al. 2023, arXiv:2310.06825; transformers, {@code modeling_mistral.py}.
 */
final class Mistral {

  static final Family FAMILY =
      new Family(
          "mistral",
          "MistralForCausalLM",
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
                  Activation.SILU, 1e-6, Biases.NONE, Residual.SEQUENTIAL, 1, 0, false, 1, 2),
              "num_key_value_heads",
              "head_dim",
              "sliding_window"),
          ImmutableSet.of("rotary_emb.inv_freq"));

  private Mistral() {}
}
