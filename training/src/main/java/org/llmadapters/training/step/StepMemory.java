package org.llmadapters.training.step;

/**
 * What takes less memory, at the price of time.
 *
 * @param gradientCheckpointing {@code gradient_checkpointing}: keep only what the blocks read, and
 *     compute them again for the backward pass
 * @param logitsAtOnce most logits that a replica holds together; loss and gradients of more are
 *     computed in parts
 */
public record StepMemory(boolean gradientCheckpointing, long logitsAtOnce) {
  /** 64 MiB in float32. */
  public static final long LOGITS_AT_ONCE = 1L << 24;

  public StepMemory {
    if (logitsAtOnce < 1) {
      throw new IllegalArgumentException("logits at once must be >= 1, got " + logitsAtOnce);
    }
  }

  /** Nothing is computed twice. */
  public static StepMemory defaults() {
    return new StepMemory(false, LOGITS_AT_ONCE);
  }
}
