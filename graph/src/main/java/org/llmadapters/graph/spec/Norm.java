package org.llmadapters.graph.spec;

/** How the hidden states are normalised; statistics are always computed in float32. */
public enum Norm {
  /** {@code weight * x / sqrt(mean(x^2) + eps)}: LLaMA. */
  RMS_NORM
}
