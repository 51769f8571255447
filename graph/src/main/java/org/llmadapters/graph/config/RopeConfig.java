package org.llmadapters.graph.config;

/**
 * Rotary position embedding: pair {@code i} of a head turns by {@code position *
 * inverseFrequencies[i]}.
 *
 * @param theta {@code rope_theta}, the base of the frequencies
 * @param scaling how the frequencies are stretched for longer contexts
 */
public record RopeConfig(double theta, RopeScaling scaling) {

  public RopeConfig {
    if (!(theta > 1 && theta < 1e15)) {
      throw new IllegalArgumentException("rope_theta must be in (1, 1e15), got " + theta);
    }
  }

  /**
   * {@code theta^(-2i / headDim)} for {@code i} in {@code [0, headDim / 2)}, stretched by {@link
   * #scaling()}; radians per token. Computed in double and rounded once, where HF computes in
   * float32: the difference is one rounding.
   */
  public float[] inverseFrequencies(int headDim) {
    float[] inverse = new float[headDim / 2];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = (float) scaling.stretch(Math.pow(theta, -2.0 * i / headDim));
    }
    return inverse;
  }
}
