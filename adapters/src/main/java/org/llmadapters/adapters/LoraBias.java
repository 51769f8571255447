package org.llmadapters.adapters;

import java.util.Arrays;

/** Which biases of the model are trained with LoRA, in place of the base's: PEFT's {@code bias}. */
public enum LoraBias {
  /** None. */
  NONE("none"),
  /** Those of the adapted layers. */
  LORA_ONLY("lora_only"),
  /** Those of all layers and norms. */
  ALL("all");

  private final String fileName;

  LoraBias(String fileName) {
    this.fileName = fileName;
  }

  /**
   * The one that PEFT calls {@code name}.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public static LoraBias of(String name) {
    return Arrays.stream(values())
        .filter(bias -> bias.fileName.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "bias must be none, lora_only or all, got \"" + name + "\""));
  }

  /** PEFT's name. */
  public String fileName() {
    return fileName;
  }
}
