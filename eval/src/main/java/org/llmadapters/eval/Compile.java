package org.llmadapters.eval;

import org.llmadapters.graph.device.Device;

/** Whether XLA compiles. */
public enum Compile {
  /**
   * On a GPU. On a CPU the compiled loop is slower than single calls in every measured case (see
   * {@code bench generate}), up to several times as slow for batches in bfloat16, and compiling
   * takes seconds to tens of seconds for every shape of batch, so that no number of tokens makes up
   * for it.
   */
  AUTO,
  /** Always. */
  ON,
  /** Never. */
  OFF;

  /** Whether it does on {@code device}. */
  public boolean compiles(Device device) {
    return this == ON || (this == AUTO && device.isGpu());
  }

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
