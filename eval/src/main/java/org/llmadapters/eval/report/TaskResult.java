package org.llmadapters.eval.report;

import java.util.List;
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
 * @param corrected by its corrected rule, if it has one
 * @param tokens generated for all items
 * @param inTrainingData items that occur in the adapter's training data; empty if that was not
 *     looked at
 */
public record TaskResult(
    String adapter,
    String task,
    Score score,
    Optional<Score> corrected,
    long tokens,
    OptionalInt inTrainingData) {

  /** The result of {@code predictions}, one or more. */
  public static TaskResult of(
      String adapter, Task task, List<Prediction> predictions, OptionalInt inTrainingData) {
    return new TaskResult(
        adapter,
        task.name(),
        Score.of(predictions),
        task.correctedScore(predictions),
        predictions.stream().mapToLong(Prediction::tokens).sum(),
        inTrainingData);
  }
}
