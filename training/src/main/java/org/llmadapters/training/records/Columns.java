package org.llmadapters.training.records;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.FormatException;

/** Makes records of rows, by the names of their columns. */
final class Columns {
  static final String EXPECTED =
      "the columns instruction, input (may be left out) and output, or text";

  private final boolean text;

  private Columns(boolean text) {
    this.text = text;
  }

  /**
   * For rows of {@code names}.
   *
   * @throws FormatException if they are not those of training data
   */
  static Columns of(Path file, List<String> names) {
    boolean alpaca = names.contains("instruction") && names.contains("output");
    if (!alpaca && !names.contains("text")) {
      throw new FormatException(file, "has the columns %s; expected %s", names, EXPECTED);
    }
    return new Columns(!alpaca);
  }

  /** The record of a row; only {@code input} may be absent. */
  ReadRecord record(String where, Map<String, String> row) {
    for (String name : text ? List.of("text") : List.of("instruction", "output")) {
      if (!row.containsKey(name)) {
        return ReadRecord.bad(where, "\"" + name + "\" is missing");
      }
    }
    return ReadRecord.good(
        where,
        text
            ? new TrainingRecord.Text(cell(row, "text"), true, true)
            : new TrainingRecord.Alpaca(
                cell(row, "instruction"), cell(row, "input"), cell(row, "output")));
  }

  private static String cell(Map<String, String> row, String name) {
    return row.getOrDefault(name, "");
  }
}
