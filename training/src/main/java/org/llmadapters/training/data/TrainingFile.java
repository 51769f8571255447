package org.llmadapters.training.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.files.JsonRecord;
import org.llmadapters.conversion.files.JsonRecords;
import org.llmadapters.graph.FormatException;

/**
 * What a model is trained on: a JSON list or JSONL (see {@link JsonRecords}) of Alpaca records or
 * of tokens,
 *
 * <pre>
 *   {"instruction": "What is 2 + 3?", "input": "", "output": "2 + 3 = 5"}
 *   {"input_ids": [1, 310, 278, 2], "labels": [-100, -100, 278, 2]}
 * </pre>
 *
 * {@code input} and {@code labels} may be left out; without labels all tokens are predicted. Ids
 * are 0 or more, a label is an id or -100 for a token that is not predicted. Other keys are
 * ignored.
 *
 * @param file where the records come from, for messages
 * @param records in the file's order, one or more
 */
public record TrainingFile(Path file, List<TrainingRecord> records) {

  public TrainingFile {
    records = List.copyOf(records);
  }

  /**
   * Reads {@code file}.
   *
   * @throws FormatException if it holds no record, or listing those that are malformed
   * @throws IOException if it cannot be read
   */
  public static TrainingFile read(Path file) throws IOException {
    List<TrainingRecord> records =
        JsonRecords.read(
            file,
            "records {\"instruction\": ..., \"input\": ..., \"output\": ...} or {\"input_ids\":"
                + " [...], \"labels\": [...]}",
            TrainingFile::record);
    return new TrainingFile(file, records);
  }

  private static Optional<TrainingRecord> record(JsonRecord record) {
    return record.has("input_ids") ? tokenized(record) : alpaca(record);
  }

  private static Optional<TrainingRecord> alpaca(JsonRecord record) {
    String instruction = record.text("instruction");
    String input = record.text("input", "");
    String output = record.text("output");
    return record.ifSound(() -> new TrainingRecord.Alpaca(instruction, input, output));
  }

  private static Optional<TrainingRecord> tokenized(JsonRecord record) {
    int[] inputIds = record.ints("input_ids");
    int[] labels = record.has("labels") ? record.ints("labels") : inputIds;
    if (record.ifSound(() -> labels).isPresent()) {
      check(record, inputIds, labels);
    }
    return record.ifSound(() -> new TrainingRecord.Tokenized(new Example(inputIds, labels)));
  }

  private static void check(JsonRecord record, int[] inputIds, int[] labels) {
    if (inputIds.length == 0) {
      record.problem("\"input_ids\" is empty");
    }
    if (inputIds.length != labels.length) {
      record.problem(
          "%d input_ids and %d labels, expected as many", inputIds.length, labels.length);
    }
    for (int i = 0; i < inputIds.length; i++) {
      if (inputIds[i] < 0) {
        record.problem("input_ids[%d] must be >= 0, got %d", i, inputIds[i]);
        return;
      }
    }
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] < 0 && labels[i] != Example.IGNORED_LABEL) {
        record.problem("labels[%d] must be >= 0 or -100, got %d", i, labels[i]);
        return;
      }
    }
  }
}
