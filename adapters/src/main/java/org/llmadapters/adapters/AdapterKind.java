package org.llmadapters.adapters;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The kinds of adapters, with their names on the command line and in {@code adapter_config.json}.
 */
public enum AdapterKind {
  /** Low-rank changes of weights. */
  LORA("lora", "LORA", true),
  /** Bottlenecks behind or before a layer: AdapterH and AdapterP. */
  SERIES("series", "BOTTLENECK", false),
  /** Bottlenecks beside a layer. */
  PARALLEL("parallel", "BOTTLENECK", false),
  /** Scales of outputs and inputs of layers. */
  IA3("ia3", "IA3", true),
  /** Keys and values before those of the tokens. */
  PREFIX("prefix", "PREFIX_TUNING", false),
  /** Embeddings before those of the tokens. */
  PROMPT("prompt", "PROMPT_TUNING", false),
  /** The same, made by an encoder while training. */
  P_TUNING("p-tuning", "P_TUNING", false);

  private final String cliName;
  private final String peftType;
  private final boolean merges;

  AdapterKind(String cliName, String peftType, boolean merges) {
    this.cliName = cliName;
    this.peftType = peftType;
    this.merges = merges;
  }

  /** The name that {@code --adapter} takes. */
  public String cliName() {
    return cliName;
  }

  /** {@code peft_type} of {@code adapter_config.json}. */
  public String peftType() {
    return peftType;
  }

  /** Whether it can be merged into the weights of the model. */
  public boolean merges() {
    return merges;
  }

  /** The kind that {@code --adapter name} asks for. */
  public static AdapterKind ofCliName(String name) {
    return Arrays.stream(values())
        .filter(kind -> kind.cliName.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown adapter \""
                        + name
                        + "\"; known: "
                        + Arrays.stream(values())
                            .map(AdapterKind::cliName)
                            .collect(Collectors.joining(", "))));
  }
}
