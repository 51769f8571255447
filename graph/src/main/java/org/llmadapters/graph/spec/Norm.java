package org.llmadapters.graph.spec;

/** How the hidden states are normalised; statistics are always computed in float32. */
public enum Norm {
  /** {@code weight * x / sqrt(mean(x^2) + eps)}. */
  RMS_NORM,
  /** {@code (1 + weight) * x / sqrt(mean(x^2) + eps)}, all of it in float32. */
  RMS_NORM_ONE_PLUS_WEIGHT,
  /** {@code weight * (x - mean(x)) / sqrt(variance(x) + eps) + bias}. */
  LAYER_NORM
}
