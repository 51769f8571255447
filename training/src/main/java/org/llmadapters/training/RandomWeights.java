package org.llmadapters.training;

import java.util.List;
import java.util.Random;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.WeightDtype;

/**
 * Weights of a model that has learned nothing yet: matrices normally distributed with deviation
 * 0.02, Hugging Face's {@code initializer_range}; norms at one; biases at zero. Codes of quantized
 * weights are any.
 */
final class RandomWeights {
  private static final double INITIALIZER_RANGE = 0.02;

  private RandomWeights() {}

  /** Gives {@code weights}, which {@code session} has declared, values drawn from {@code seed}. */
  static void assign(ModelSession session, List<Weight> weights, long seed) {
    Random random = new Random(seed);
    session.assign(weights, weight -> values(weight, random));
  }

  private static float[] values(Weight weight, Random random) {
    float[] values = new float[Math.toIntExact(weight.elements())];
    boolean matrix = weight.shape().size() > 1;
    boolean bias = weight.name().endsWith(".bias");
    boolean codes = weight.dtype() == WeightDtype.UINT8;
    for (int i = 0; i < values.length; i++) {
      values[i] =
          codes
              ? random.nextInt(256)
              : matrix ? (float) (random.nextGaussian() * INITIALIZER_RANGE) : bias ? 0 : 1;
    }
    return values;
  }
}
