package org.llmadapters.graph.config;

/**
 * How rotary frequencies are stretched: {@code rope_scaling} (or {@code rope_parameters}) of {@code
 * config.json}.
 */
public sealed interface RopeScaling {

  /** The frequency that takes the place of {@code inverseFrequency}; both in radians per token. */
  double stretch(double inverseFrequency);

  /** {@code rope_type: default}: nothing is stretched. */
  record None() implements RopeScaling {
    @Override
    public double stretch(double inverseFrequency) {
      return inverseFrequency;
    }
  }

  /**
   * {@code rope_type: linear}: every frequency divided by {@code factor}.
   *
   * @param factor at least 1
   */
  record Linear(double factor) implements RopeScaling {
    public Linear {
      requireFactor(factor);
    }

    @Override
    public double stretch(double inverseFrequency) {
      return inverseFrequency / factor;
    }
  }

  /**
   * {@code rope_type: dynamic}: in graphs of more than {@code maxPositionEmbeddings} tokens the
   * base of the frequencies grows with the number S of tokens, so that the slowest pair turns as
   * far as it would within {@code maxPositionEmbeddings}:
   *
   * <pre>
   *   theta * (factor * S / maxPositionEmbeddings - (factor - 1))^(R / (R - 2))
   * </pre>
   *
   * <p>S is the length of the padded batch, in the decode graph that of the cache, so that all keys
   * of a cache are turned by the same frequencies. Source: transformers, {@code
   * modeling_rope_utils.py}, {@code _compute_dynamic_ntk_parameters}.
   *
   * @param factor at least 1
   * @param maxPositionEmbeddings {@code max_position_embeddings}, tokens
   */
  record Dynamic(double factor, int maxPositionEmbeddings) implements RopeScaling {
    public Dynamic {
      requireFactor(factor);
    }

    /** The frequency of short graphs: the same. */
    @Override
    public double stretch(double inverseFrequency) {
      return inverseFrequency;
    }
  }

  /**
   * {@code rope_type: llama3}: wavelengths above {@code originalMaxPositionEmbeddings /
   * lowFreqFactor} are stretched by {@code factor}, those below {@code
   * originalMaxPositionEmbeddings / highFreqFactor} are kept, and those between are interpolated.
   *
   * <p>Source: transformers, {@code modeling_rope_utils.py}, {@code _compute_llama3_parameters}.
   *
   * @param factor at least 1
   * @param lowFreqFactor {@code low_freq_factor}
   * @param highFreqFactor {@code high_freq_factor}, above {@code low_freq_factor}
   * @param originalMaxPositionEmbeddings {@code original_max_position_embeddings}, tokens
   */
  record Llama3(
      double factor, double lowFreqFactor, double highFreqFactor, int originalMaxPositionEmbeddings)
      implements RopeScaling {
    public Llama3 {
      requireFactor(factor);
      if (!(lowFreqFactor > 0 && highFreqFactor > lowFreqFactor && highFreqFactor < 1e6)) {
        throw new IllegalArgumentException(
            "rope_scaling needs 0 < low_freq_factor < high_freq_factor, got "
                + lowFreqFactor
                + " and "
                + highFreqFactor);
      }
      if (originalMaxPositionEmbeddings < 1) {
        throw new IllegalArgumentException(
            "original_max_position_embeddings must be >= 1, got " + originalMaxPositionEmbeddings);
      }
    }

    @Override
    public double stretch(double inverseFrequency) {
      double wavelength = 2 * Math.PI / inverseFrequency;
      if (wavelength > originalMaxPositionEmbeddings / lowFreqFactor) {
        return inverseFrequency / factor;
      }
      if (wavelength < originalMaxPositionEmbeddings / highFreqFactor) {
        return inverseFrequency;
      }
      double smooth =
          (originalMaxPositionEmbeddings / wavelength - lowFreqFactor)
              / (highFreqFactor - lowFreqFactor);
      return (1 - smooth) * inverseFrequency / factor + smooth * inverseFrequency;
    }
  }

  private static void requireFactor(double factor) {
    if (!(factor >= 1 && factor < 1e6)) {
      throw new IllegalArgumentException("rope_scaling factor must be in [1, 1e6), got " + factor);
    }
  }
}
