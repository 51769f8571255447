package org.llmadapters.eval.report;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;

/**
 * What one adapter scored on one task.
 *
 * @param adapter its name
 * @param task its name
 * @param score by the task's published rule
 * @param variants by other rules, where they apply
 * @param work what it took
 * @param inTrainingData items that occur in the adapter's training data; empty if that was not
 *     looked at
 */
public record TaskResult(
    String adapter,
    String task,
    Score score,
    Map<Variant, Score> variants,
    Work work,
    OptionalInt inTrainingData) {
  public TaskResult {
    variants = Map.copyOf(variants);
  }

  /**
   * The result of {@code predictions}, one or more.
   *
   * @param truncated items whose prompt was cut
   * @param speed of the items that were answered last
   */
  public static TaskResult of(
      String adapter,
      Task task,
      List<Prediction> predictions,
      OptionalInt inTrainingData,
      int truncated,
      Optional<Speed> speed) {
    Map<Variant, Score> variants = new EnumMap<>(Variant.class);
    for (Variant variant : Variant.values()) {
      variant.score(task, predictions).ifPresent(score -> variants.put(variant, score));
    }
    long tokens = predictions.stream().mapToLong(Prediction::tokens).sum();
    return new TaskResult(
        adapter,
        task.name(),
        Score.of(predictions),
        variants,
        new Work(tokens, truncated, speed),
        inTrainingData);
  }

  /** The score counted as {@code variant} says, if it applies. */
  Optional<Score> score(Variant variant) {
    return Optional.ofNullable(variants.get(variant));
  }
}
