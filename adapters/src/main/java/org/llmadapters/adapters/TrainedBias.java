package org.llmadapters.adapters;

import java.util.Arrays;
import java.util.List;

/**
 * Which biases of the model are trained with an adapter, in place of the base's: {@code bias} of
 * PEFT's LoRA and of LLM-Adapters' bottlenecks, which have a name of their own for {@link
 * #ADAPTED}.
 */
public enum TrainedBias {
  /** None. */
  NONE,
  /**
   * Those of the adapted layers: {@code lora_only} of LoRA, {@code adapter_only} of bottlenecks.
   */
  ADAPTED,
  /** Those of all layers and norms. */
  ALL;

  /**
   * The one that is called {@code name} where the adapter is of {@code kind}.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public static TrainedBias of(String name, AdapterKind kind) {
    return Arrays.stream(values())
        .filter(bias -> bias.fileName(kind).equals(name))
        .findFirst()
        .orElseThrow(
            () -> {
              List<String> names =
                  Arrays.stream(values()).map(bias -> bias.fileName(kind)).toList();
              return new IllegalArgumentException(
                  String.format(
                      "bias must be %s, %s or %s, got \"%s\"",
                      names.get(0), names.get(1), names.get(2), name));
            });
  }

  /** The name in {@code adapter_config.json} of an adapter of {@code kind}. */
  public String fileName(AdapterKind kind) {
    return switch (this) {
      case NONE -> "none";
      case ADAPTED -> kind == AdapterKind.LORA ? "lora_only" : "adapter_only";
      case ALL -> "all";
    };
  }
}
