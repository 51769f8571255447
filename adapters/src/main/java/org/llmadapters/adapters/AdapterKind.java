package org.llmadapters.adapters;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The kinds of adapters, with their names on the command line and in {@code adapter_config.json}.
 */
public enum AdapterKind {
  LORA("lora", "LORA");

  private final String cliName;
  private final String peftType;

  AdapterKind(String cliName, String peftType) {
    this.cliName = cliName;
    this.peftType = peftType;
  }

  /** The name that {@code --adapter} takes. */
  public String cliName() {
    return cliName;
  }

  /** {@code peft_type} of {@code adapter_config.json}. */
  public String peftType() {
    return peftType;
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
