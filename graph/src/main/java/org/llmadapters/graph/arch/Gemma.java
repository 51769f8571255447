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
 * Gemma 1: LLaMA with embeddings scaled by {@code sqrt(hidden_size)}, RMSNorm with {@code 1 +
 * weight}, GELU in its tanh form as the gate's activation, and tied embeddings.
 *
 * <p>Source: Mesnard et al. 2024, arXiv:2403.08295; transformers, {@code modeling_gemma.py}.
 */
final class Gemma {

  static final Family FAMILY =
      new Family(
          "gemma",
          "GemmaForCausalLM",
          new BlockSpec(
              Norm.RMS_NORM_ONE_PLUS_WEIGHT,
              PositionEncoding.ROTARY_HALVES,
              new BlockSpec.Attention(Projections.SEPARATE, true),
              new BlockSpec.Embedding(true, 0),
              WeightLayout.OUT_IN,
              false,
              Llama.NAMES),
          ConfigKeys.of(
              Map.of("norm_eps", "rms_norm_eps"),
              new ConfigKeys.Defaults(
                  Activation.GELU_TANH, 1e-6, Biases.NONE, Residual.SEQUENTIAL, 1, 0, true, 2, 1),
              "num_key_value_heads",
              "head_dim",
              "attention_bias",
              "hidden_activation",
              "use_bidirectional_attention"),
          ImmutableSet.of("rotary_emb.inv_freq"));

  private Gemma() {}
}
