package org.llmadapters.adapters;

import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ModuleNames;

/**
 * LoRA: {@code y + (lora_alpha / r) * B(A(dropout(x)))}, with {@code A} [r, in] and {@code B} [out,
 * r] in float32.
 *
 * <p>Source: Hu et al. 2021, arXiv:2106.09685; file format and names: PEFT's {@code LoraConfig}.
 *
 * @param r rank
 * @param loraAlpha {@code lora_alpha}: {@code lora_alpha / r} scales the update
 * @param loraDropout {@code lora_dropout}: probability of dropping an element of the input, while
 *     training only
 * @param targetModules the linear modules that get an adapter
 */
public record LoraConfig(int r, double loraAlpha, double loraDropout, TargetModules targetModules)
    implements AdapterConfig {

  public LoraConfig {
    if (r < 1 || r > 1 << 16) {
      throw new IllegalArgumentException("r must be between 1 and 65536, got " + r);
    }
    if (!(loraAlpha > 0 && loraAlpha < 1e9)) {
      throw new IllegalArgumentException("lora_alpha must be in (0, 1e9), got " + loraAlpha);
    }
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      throw new IllegalArgumentException("lora_dropout must be in [0, 1), got " + loraDropout);
    }
  }

  /**
   * The modules that PEFT takes where none are named: the projections to queries and values ({@code
   * q_proj}, {@code v_proj}), or the one that makes queries, keys and values ({@code
   * query_key_value}, {@code c_attn}).
   */
  public static TargetModules defaultTargets(BlockSpec spec) {
    ModuleNames.Attention names = spec.names().attention();
    return names.value() == null
        ? TargetModules.of(names.query())
        : TargetModules.of(names.query(), names.value());
  }

  /** {@code lora_alpha / r}. */
  public double scaling() {
    return loraAlpha / r;
  }

  @Override
  public AdapterKind kind() {
    return AdapterKind.LORA;
  }
}
