package org.llmadapters.conversion.combine;

import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Merges arrays of the same length, element by element: of each array some elements are dropped,
 * then either all that is left is multiplied by the weights and added, or only what has the sign of
 * the majority, to its mean. Computed in double and rounded once.
 *
 * <p>Source: TIES: Yadav et al. 2023, arXiv:2306.01708; DARE: Yu et al. 2023, arXiv:2311.03099;
 * github.com/huggingface/peft, {@code src/peft/utils/merge_utils.py}.
 */
final class TaskArithmetic {
  private final CombinationConfig config;
  private final RandomGenerator random;

  TaskArithmetic(CombinationConfig config, RandomGenerator random) {
    this.config = config;
    this.random = random;
  }

  /**
   * The merged array.
   *
   * @param weights one for each of {@code arrays}
   */
  float[] merge(List<float[]> arrays, List<Double> weights) {
    List<float[]> pruned = arrays.stream().map(this::prune).toList();
    float[] merged = new float[arrays.get(0).length];
    for (int i = 0; i < merged.length; i++) {
      merged[i] =
          (float)
              (config.type().electsSigns()
                  ? meanOfMajority(pruned, weights, i)
                  : sum(pruned, weights, i));
    }
    return merged;
  }

  private static double sum(List<float[]> arrays, List<Double> weights, int i) {
    double sum = 0;
    for (int n = 0; n < arrays.size(); n++) {
      sum += weights.get(n) * arrays.get(n)[i];
    }
    return sum;
  }

  /**
   * Signs are elected and compared before the weights; zeros, which have none, do not count for the
   * mean.
   */
  private double meanOfMajority(List<float[]> arrays, List<Double> weights, int i) {
    double votes = 0;
    for (float[] array : arrays) {
      votes += config.majoritySign().vote(array[i]);
    }
    float elected = votes >= 0 ? 1 : -1;
    double sum = 0;
    int count = 0;
    for (int n = 0; n < arrays.size(); n++) {
      float value = arrays.get(n)[i];
      if (Math.signum(value) == elected) {
        sum += weights.get(n) * value;
        count++;
      }
    }
    return sum / Math.max(1, count);
  }

  private float[] prune(float[] array) {
    return switch (config.type().pruning()) {
      case NONE -> array;
      case MAGNITUDE -> keepLargest(array, config.density().orElseThrow());
      case RANDOM -> keepRandom(array, config.density().orElseThrow());
    };
  }

  /** {@code density} of the elements, rounded down; among equal ones those that come first. */
  private static float[] keepLargest(float[] array, double density) {
    int kept = (int) (density * array.length);
    float[] magnitudes = new float[array.length];
    for (int i = 0; i < array.length; i++) {
      magnitudes[i] = Math.abs(array[i]);
    }
    Arrays.sort(magnitudes);
    float[] pruned = new float[array.length];
    if (kept == 0) {
      return pruned;
    }
    float least = magnitudes[array.length - kept];
    int equal = 0;
    for (int i = array.length - kept; i < array.length && magnitudes[i] == least; i++) {
      equal++;
    }
    for (int i = 0; i < array.length; i++) {
      float magnitude = Math.abs(array[i]);
      if (magnitude > least || (magnitude == least && equal-- > 0)) {
        pruned[i] = array[i];
      }
    }
    return pruned;
  }

  /** Each with probability {@code density}, then divided by it, which keeps the expected value. */
  private float[] keepRandom(float[] array, double density) {
    float[] pruned = new float[array.length];
    for (int i = 0; i < array.length; i++) {
      if (random.nextDouble() < density) {
        pruned[i] = (float) (array[i] / density);
      }
    }
    return pruned;
  }
}
