package org.llmadapters.adapters;

import java.util.List;

/**
 * What sets an adapter apart from plain LoRA.
 *
 * @param useDora {@code use_dora}: train the norm of the weight of every output as well
 * @param init {@code init_lora_weights}: what the factors start with
 * @param bias {@code bias}: which biases of the model are trained as well
 * @param modulesToSave {@code modules_to_save}: names of modules that are trained whole; each
 *     matches the whole module path or ends it after a dot
 */
public record LoraVariant(
    boolean useDora, LoraInit init, TrainedBias bias, List<String> modulesToSave) {

  /** Plain LoRA. */
  public static final LoraVariant PLAIN =
      new LoraVariant(false, LoraInit.DEFAULT, TrainedBias.NONE);

  /** DoRA, which starts as plain LoRA does. */
  public static final LoraVariant DORA = new LoraVariant(true, LoraInit.DEFAULT, TrainedBias.NONE);

  public LoraVariant {
    modulesToSave = List.copyOf(modulesToSave);
    if (modulesToSave.stream().anyMatch(String::isBlank)) {
      throw new IllegalArgumentException(
          "modules_to_save must be a list of module names, got " + modulesToSave);
    }
  }

  /** No module is trained whole. */
  public LoraVariant(boolean useDora, LoraInit init, TrainedBias bias) {
    this(useDora, init, bias, List.of());
  }
}
