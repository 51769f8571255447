package org.llmadapters.eval.task;

import java.util.List;
import java.util.Optional;

/**
 * How many answers were right.
 *
 * @param correct right answers
 * @param total all items, those without an answer included; at least 1
 */
public record Score(int correct, int total) {

  /** 97.5 % quantile of the normal distribution. */
  private static final double Z = 1.959963984540054;

  public Score {
    if (total < 1 || correct < 0 || correct > total) {
      throw new IllegalArgumentException(
          "a score needs 0 <= correct <= total and total >= 1, got " + correct + " of " + total);
    }
  }

  /** Counts the correct ones of {@code predictions}, of which there must be one or more. */
  public static Score of(List<Prediction> predictions) {
    int correct = (int) predictions.stream().filter(Prediction::correct).count();
    return new Score(correct, predictions.size());
  }

  /**
   * Counts those of {@code predictions} whose likeliest choice for its length is right; empty if
   * they are not of scored choices.
   */
  public static Optional<Score> ofNormalized(List<Prediction> predictions) {
    if (predictions.stream().allMatch(prediction -> prediction.choices().isEmpty())) {
      return Optional.empty();
    }
    int correct = (int) predictions.stream().filter(Prediction::correctNormalized).count();
    return Optional.of(new Score(correct, predictions.size()));
  }

  /** {@code correct / total}, 0..1. */
  public double accuracy() {
    return (double) correct / total;
  }

  /**
   * The Wilson 95 % interval of the accuracy: {@code (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 +
   * z²/n)} with n = total, p = accuracy.
   */
  public Interval interval() {
    double n = total;
    double p = accuracy();
    double scale = 1 / (1 + Z * Z / n);
    double centre = scale * (p + Z * Z / (2 * n));
    double margin = scale * Z * Math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n));
    return new Interval(Math.max(0, centre - margin), Math.min(1, centre + margin));
  }

  /** A range of accuracies, each 0..1. */
  public record Interval(double low, double high) {}
}
