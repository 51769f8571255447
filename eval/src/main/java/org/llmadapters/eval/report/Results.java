package org.llmadapters.eval.report;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.eval.task.Score;

/**
 * The results of some adapters on some tasks. As {@code results.json}:
 *
 * <pre>
 *   {"results": [
 *     {"adapter": "lora", "task": "AQuA",
 *      "correct": 100, "total": 254, "accuracy": 0.393701, "low": 0.335629, "high": 0.45494,
 *      "corrected_rule": {"correct": 90, "total": 254, "accuracy": ..., "low": ..., "high": ...},
 *      "tokens": 5412, "in_training_data": 203}, ...],
 *    "averages": [{"adapter": "lora", "accuracy": 0.393701}, ...],
 *    "settings": {what settings.json has, see {@link ResultsFolder}}}
 * </pre>
 *
 * with {@code corrected_rule} for tasks that have one and {@code in_training_data} if that was
 * looked at. {@code low} and {@code high} are the Wilson 95 % interval's, all fractions 0..1 with
 * six decimals.
 *
 * @param all every adapter on every task
 */
public record Results(List<TaskResult> all) {
  public Results {
    all = List.copyOf(all);
  }

  /** The adapters' names, in their order. */
  public List<String> adapters() {
    return all.stream().map(TaskResult::adapter).distinct().toList();
  }

  /** The tasks' names, in their order. */
  public List<String> tasks() {
    return all.stream().map(TaskResult::task).distinct().toList();
  }

  /** The result of {@code adapter} on {@code task}. */
  public Optional<TaskResult> of(String adapter, String task) {
    return all.stream()
        .filter(result -> result.adapter().equals(adapter) && result.task().equals(task))
        .findFirst();
  }

  /** The mean of an adapter's accuracies by the published rules, each task counting the same. */
  public double average(String adapter) {
    return all.stream()
        .filter(result -> result.adapter().equals(adapter))
        .mapToDouble(result -> result.score().accuracy())
        .average()
        .orElseThrow();
  }

  /** The content of {@code results.json}, without the settings. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    var list = json.putArray("results");
    for (TaskResult result : all) {
      ObjectNode entry = list.addObject();
      entry.put("adapter", result.adapter());
      entry.put("task", result.task());
      put(result.score(), entry);
      result.corrected().ifPresent(score -> put(score, entry.putObject("corrected_rule")));
      entry.put("tokens", result.tokens());
      result.inTrainingData().ifPresent(count -> entry.put("in_training_data", count));
    }
    var averages = json.putArray("averages");
    for (String adapter : adapters()) {
      averages.addObject().put("adapter", adapter).put("accuracy", rounded(average(adapter)));
    }
    return json;
  }

  private static void put(Score score, ObjectNode json) {
    json.put("correct", score.correct());
    json.put("total", score.total());
    json.put("accuracy", rounded(score.accuracy()));
    json.put("low", rounded(score.interval().low()));
    json.put("high", rounded(score.interval().high()));
  }

  private static double rounded(double fraction) {
    return Math.round(fraction * 1e6) / 1e6;
  }
}
