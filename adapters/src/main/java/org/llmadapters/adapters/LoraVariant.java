package org.llmadapters.adapters;

/**
 * What sets an adapter apart from plain LoRA.
 *
 * @param useDora {@code use_dora}: train the norm of the weight of every output as well
 * @param init {@code init_lora_weights}: what the factors start with
 * @param bias {@code bias}: which biases of the model are trained as well
 */
public record LoraVariant(boolean useDora, LoraInit init, TrainedBias bias) {

  /** Plain LoRA. */
  public static final LoraVariant PLAIN =
      new LoraVariant(false, LoraInit.DEFAULT, TrainedBias.NONE);

  /** DoRA, which starts as plain LoRA does. */
  public static final LoraVariant DORA = new LoraVariant(true, LoraInit.DEFAULT, TrainedBias.NONE);
}
