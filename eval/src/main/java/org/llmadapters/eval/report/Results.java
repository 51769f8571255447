package org.llmadapters.eval.report;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
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
 *      "tokens": 5412, "in_training_data": 203,
 *      "speed": {"items": 254, "seconds": 63.1, "items_per_second": 4.03, "tokens_per_second": 85.8}}, ...],
 *    "averages": [{"adapter": "lora", "accuracy": 0.393701}, ...],
 *    "settings": {what settings.json has, see {@link ResultsFolder}}}
 * </pre>
 *
 * with {@code corrected_rule} for tasks that have one, {@code length_normalized} (of the same form)
 * in its place if choices were scored, {@code truncated} if prompts were cut, {@code
 * in_training_data} if that was looked at and {@code speed} unless all answers were there before.
 * {@code low} and {@code high} are the Wilson 95 % interval's, all fractions 0..1 with six
 * decimals.
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

  /**
   * The mean of an adapter's accuracies by {@code variant}; empty unless every task was counted so.
   */
  OptionalDouble average(String adapter, Variant variant) {
    List<TaskResult> own = all.stream().filter(result -> result.adapter().equals(adapter)).toList();
    return own.stream().allMatch(result -> result.score(variant).isPresent())
        ? own.stream()
            .flatMap(result -> result.score(variant).stream())
            .mapToDouble(Score::accuracy)
            .average()
        : OptionalDouble.empty();
  }

  /** How fast all items were answered; empty if they were there before. */
  public Optional<Speed> speed() {
    return all.stream().flatMap(result -> result.work().speed().stream()).reduce(Speed::plus);
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
      for (Variant variant : Variant.values()) {
        result.score(variant).ifPresent(score -> put(score, entry.putObject(variant.key())));
      }
      entry.put("tokens", result.work().tokens());
      if (result.work().truncated() > 0) {
        entry.put("truncated", result.work().truncated());
      }
      result.inTrainingData().ifPresent(count -> entry.put("in_training_data", count));
      result.work().speed().ifPresent(speed -> put(speed, entry.putObject("speed")));
    }
    var averages = json.putArray("averages");
    for (String adapter : adapters()) {
      ObjectNode entry = averages.addObject();
      entry.put("adapter", adapter).put("accuracy", rounded(average(adapter)));
      average(adapter, Variant.LENGTH_NORMALIZED)
          .ifPresent(mean -> entry.put(Variant.LENGTH_NORMALIZED.key(), rounded(mean)));
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

  private static void put(Speed speed, ObjectNode json) {
    json.put("items", speed.items());
    json.put("seconds", rounded(speed.seconds()));
    json.put("items_per_second", rounded(speed.itemsPerSecond()));
    json.put("tokens_per_second", rounded(speed.tokensPerSecond()));
  }

  private static double rounded(double fraction) {
    return Math.round(fraction * 1e6) / 1e6;
  }
}
