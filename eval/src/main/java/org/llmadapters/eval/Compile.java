package org.llmadapters.eval;

/** Whether XLA compiles. */
public enum Compile {
  /**
   * Where it is measured to pay, which is nowhere so far: on a CPU the compiled loop is slower than
   * single calls in every measured case (see {@code bench generate}), up to several times as slow
   * for batches in bfloat16, and compiling takes seconds to tens of seconds for every shape of
   * batch. So no number of tokens makes up for it, and this is {@link #OFF}.
   */
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
