package org.llmadapters.eval;

/** Whether XLA compiles. */
public enum Compile {
  /** Where it is measured to pay. */
  AUTO,
  /** Always. */
  ON,
  /** Never. */
  OFF;

  /** The value of a command's {@code --compile}. */
  public static Compile of(String name) {
    return switch (name) {
      case "auto" -> AUTO;
      case "on" -> ON;
      case "off" -> OFF;
      default ->
          throw new IllegalArgumentException("--compile must be auto, on or off, got " + name);
    };
  }
}
