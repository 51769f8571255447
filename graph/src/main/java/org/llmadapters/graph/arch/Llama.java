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
 * LLaMA 1, 2 and 3: RMSNorm before attention and MLP, rotary positions in half-split order, SwiGLU,
 * no biases unless {@code attention_bias} or {@code mlp_bias} says so, grouped-query attention
 * where {@code num_key_value_heads} is smaller than {@code num_attention_heads}.
 *
 * <p>Source: Touvron et al. 2023, arXiv:2302.13971; transformers, {@code modeling_llama.py}.
 */
final class Llama {

  /** What its modules are called, and those of many that came after it. */
  static final ModuleNames NAMES =
      new ModuleNames(
          ModuleNames.Model.plain("model.embed_tokens", "model.layers", "model.norm", "lm_head"),
          new ModuleNames.Block("input_layernorm", "self_attn", "post_attention_layernorm", "mlp"),
          ModuleNames.Attention.separate("q_proj", "k_proj", "v_proj", "o_proj"),
          new ModuleNames.Mlp("gate_proj", "up_proj", "down_proj"));

  static final Family FAMILY =
      new Family(
          "llama",
          "LlamaForCausalLM",
          new BlockSpec(
              Norm.RMS_NORM,
              PositionEncoding.ROTARY_HALVES,
              new BlockSpec.Attention(Projections.SEPARATE, true),
              BlockSpec.Embedding.PLAIN,
              WeightLayout.OUT_IN,
              false,
              NAMES),
          ConfigKeys.of(
              Map.of("norm_eps", "rms_norm_eps"),
              new ConfigKeys.Defaults(
                  Activation.SILU, 1e-6, Biases.NONE, Residual.SEQUENTIAL, 1, 0, false, 1, 2),
              "num_key_value_heads",
              "head_dim",
              "attention_bias",
              "mlp_bias"),
          ImmutableSet.of("rotary_emb.inv_freq"));

  private Llama() {}
}
