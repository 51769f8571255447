package org.llmadapters.eval.report;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.Score;

/**
 * Two models on the same items, item by item.
 *
 * @param both items that both answer right
 * @param onlyFirst items that only the first answers right
 * @param onlySecond items that only the second answers right
 * @param neither items that none answers right
 */
public record Comparison(int both, int onlyFirst, int onlySecond, int neither) {

  public Comparison {
    if (both < 0 || onlyFirst < 0 || onlySecond < 0 || neither < 0) {
      throw new IllegalArgumentException(
          "counts must be >= 0, got "
              + List.of(both, onlyFirst, onlySecond, neither)
              + " for both, only the first, only the second, neither");
    }
  }

  /**
   * Compares predictions item by item.
   *
   * @throws IllegalArgumentException if they are not of the same items: an index is in one of them
   *     alone, or has two labels; says how many
   */
  public static Comparison of(List<Prediction> first, List<Prediction> second) {
    Map<Integer, Prediction> others = new TreeMap<>();
    second.forEach(prediction -> others.put(prediction.index(), prediction));
    int[] counts = new int[4];
    int missing = 0;
    int different = 0;
    for (Prediction prediction : first) {
      Prediction other = others.remove(prediction.index());
      if (other == null) {
        missing++;
      } else if (!other.label().equals(prediction.label())) {
        different++;
      } else {
        counts[(prediction.correct() ? 0 : 2) + (other.correct() ? 0 : 1)]++;
      }
    }
    if (missing + others.size() + different > 0) {
      throw new IllegalArgumentException(
          String.format(
              "%d items are only in the first, %d only in the second, %d have different labels;"
                  + " expected predictions of the same items",
              missing, others.size(), different));
    }
    return new Comparison(counts[0], counts[1], counts[2], counts[3]);
  }

  /** The items of both comparisons, as one. */
  public Comparison plus(Comparison other) {
    return new Comparison(
        both + other.both,
        onlyFirst + other.onlyFirst,
        onlySecond + other.onlySecond,
        neither + other.neither);
  }

  /** Right answers of the first. */
  public Score first() {
    return new Score(both + onlyFirst, items());
  }

  /** Right answers of the second. */
  public Score second() {
    return new Score(both + onlySecond, items());
  }

  /** Number of items. */
  public int items() {
    return both + onlyFirst + onlySecond + neither;
  }

  /**
   * The p-value of the exact McNemar test, two-sided: were the models equally good, an item that
   * one of them alone answers right would be either's with probability 1/2, and of {@code n =
   * onlyFirst + onlySecond} such items {@code k = min(onlyFirst, onlySecond)} or fewer would be the
   * weaker one's with half of {@code p = min(1, 2 * sum_{i=0..k} C(n, i) / 2^n)}. 1 if n = 0.
   *
   * <p>Source: McNemar 1947, Psychometrika 12; the exact form as in statsmodels' {@code
   * mcnemar(exact=True)}.
   */
  public double pValue() {
    int n = onlyFirst + onlySecond;
    int k = Math.min(onlyFirst, onlySecond);
    // In logarithms, relative to the last and greatest term: C(n, i) overflows, 2^-n vanishes.
    double logTerm = -n * Math.log(2);
    for (int i = 0; i < k; i++) {
      logTerm += Math.log((double) (n - i) / (i + 1));
    }
    double sum = 0;
    double relative = 1;
    for (int i = k; i >= 0; i--) {
      sum += relative;
      relative *= (double) i / (n - i + 1);
    }
    return Math.min(1, Math.exp(Math.log(2) + logTerm + Math.log(sum)));
  }
}
