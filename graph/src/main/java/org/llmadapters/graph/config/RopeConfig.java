package org.llmadapters.graph.config;

/**
 * Rotary position embedding: pair {@code i} of a head turns by {@code position *
 * inverseFrequencies[i]}.
 *
 * @param theta {@code rope_theta}, the base of the frequencies
 * @param rotaryDim R, how many elements of a head are turned; the first ones
 * @param scaling how the frequencies are stretched for longer contexts
 */
public record RopeConfig(double theta, int rotaryDim, RopeScaling scaling) {

  public RopeConfig {
    if (!(theta > 1 && theta < 1e15)) {
      throw new IllegalArgumentException("rope_theta must be in (1, 1e15), got " + theta);
    }
    if (rotaryDim < 2 || rotaryDim % 2 != 0) {
      throw new IllegalArgumentException(
          "the number of rotary elements of a head must be even and at least 2, got " + rotaryDim);
    }
  }

  void requireWithin(int headDim) {
    if (rotaryDim > headDim) {
      throw new IllegalArgumentException(
          "the number of rotary elements of a head must be at most head_dim ("
              + headDim
              + "), got "
              + rotaryDim);
    }
  }

  /**
   * {@code theta^(-2i / R)} for {@code i} in {@code [0, R / 2)}, stretched by {@link #scaling()};
   * radians per token. Computed in double and rounded once, where HF computes in float32: the
   * difference is one rounding.
   */
  public float[] inverseFrequencies() {
    float[] inverse = new float[rotaryDim / 2];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = (float) scaling.stretch(Math.pow(theta, -2.0 * i / rotaryDim));
    }
    return inverse;
  }
}
