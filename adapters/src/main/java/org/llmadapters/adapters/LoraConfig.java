package org.llmadapters.adapters;

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

  /** LLM-Adapters' defaults: r 8, alpha 16, dropout 0.05, on q_proj and v_proj. */
  public static LoraConfig defaults() {
    return new LoraConfig(8, 16, 0.05, TargetModules.of("q_proj", "v_proj"));
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
