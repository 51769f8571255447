package org.llmadapters.graph.arch;

import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ModuleNames;
import org.llmadapters.graph.spec.Norm;

/**
 * LLaMA 1, 2 and 3: RMSNorm before attention and MLP, rotary positions in half-split order, SwiGLU,
 * no biases unless {@code attention_bias} says so, grouped-query attention where {@code
 * num_key_value_heads} is smaller than {@code num_attention_heads}.
 *
 * <p>Source: Touvron et al. 2023, arXiv:2302.13971; names as in transformers 4.33, {@code
 * modeling_llama.py}.
 */
final class Llama {

  static final BlockSpec SPEC =
      new BlockSpec(
          Norm.RMS_NORM,
          Activation.SILU,
          new ModuleNames(
              new ModuleNames.Model("model.embed_tokens", "model.layers", "model.norm", "lm_head"),
              new ModuleNames.Block(
                  "input_layernorm", "self_attn", "post_attention_layernorm", "mlp"),
              new ModuleNames.Attention("q_proj", "k_proj", "v_proj", "o_proj"),
              new ModuleNames.Mlp("gate_proj", "up_proj", "down_proj")));

  private Llama() {}
}
