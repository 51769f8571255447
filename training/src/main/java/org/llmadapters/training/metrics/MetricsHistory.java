package org.llmadapters.training.metrics;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableLongArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.FormatException;

/** What a run has measured so far, read from its {@code metrics.jsonl}. */
public final class MetricsHistory {
  private static final Series NOTHING =
      new Series(ImmutableLongArray.of(), ImmutableDoubleArray.of());

  private final Map<String, Series> series;

  private MetricsHistory(Map<String, Series> series) {
    this.series = series;
  }

  /**
   * Reads {@code file}; empty if there is none.
   *
   * @param names of the values to keep, such as {@code grad_norm}
   * @throws FormatException if a line is not one of {@link MetricsWriter}, the last one apart,
   *     which may be cut off
   */
  public static MetricsHistory read(Path file, List<String> names) throws IOException {
    if (!Files.exists(file)) {
      return new MetricsHistory(Map.of());
    }
    Map<String, ImmutableLongArray.Builder> steps = new HashMap<>();
    Map<String, ImmutableDoubleArray.Builder> values = new HashMap<>();
    MetricsLines.forEach(
        file,
        (line, json) -> {
          for (String name : names) {
            JsonNode value = json.path(name);
            if (!value.isMissingNode()) {
              steps
                  .computeIfAbsent(name, key -> ImmutableLongArray.builder())
                  .add(json.path("step").longValue());
              values
                  .computeIfAbsent(name, key -> ImmutableDoubleArray.builder())
                  .add(number(file, name, value));
            }
          }
        });
    Map<String, Series> series = new HashMap<>();
    values.forEach(
        (name, builder) ->
            series.put(
                name,
                new Series(
                    steps.getOrDefault(name, ImmutableLongArray.builder()).build(),
                    builder.build())));
    return new MetricsHistory(series);
  }

  private static double number(Path file, String name, JsonNode value) {
    return switch (value.asText()) {
      case "NaN" -> Double.NaN;
      case "Infinity" -> Double.POSITIVE_INFINITY;
      case "-Infinity" -> Double.NEGATIVE_INFINITY;
      default -> {
        if (!value.isNumber()) {
          throw new FormatException(file, "%s must be a number, got %s", name, value);
        }
        yield value.doubleValue();
      }
    };
  }

  /** The values called {@code name}; none if there was none. */
  public Series of(String name) {
    return series.getOrDefault(name, NOTHING);
  }
}
