package org.llmadapters.adapters;

/**
 * What sets an adapter apart from plain LoRA.
 *
 * @param useDora {@code use_dora}: train the norm of the weight of every output as well
 * @param init {@code init_lora_weights}: what the factors start with
 */
public record LoraVariant(boolean useDora, LoraInit init) {

  /** Plain LoRA. */
  public static final LoraVariant PLAIN = new LoraVariant(false, LoraInit.DEFAULT);

  /** DoRA, which starts as plain LoRA does. */
  public static final LoraVariant DORA = new LoraVariant(true, LoraInit.DEFAULT);
}
