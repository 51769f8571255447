package org.llmadapters.eval.task;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.files.JsonRecord;
import org.llmadapters.conversion.files.JsonRecords;
import org.llmadapters.graph.FormatException;

/**
 * The questions of a task: a JSON list or JSONL (see {@link JsonRecords}) of
 *
 * <pre>
 *   {"instruction": "What is 2 + 3?", "input": "", "output": "2 + 3 = 5", "answer": "5.0"}
 * </pre>
 *
 * {@code instruction} and {@code answer} must be there ({@code answer} may also be a number),
 * {@code input} may be left out, other keys are ignored.
 */
public final class TaskFile {

  private TaskFile() {}

  /**
   * The items of {@code file}, in order.
   *
   * @throws FormatException if there are none, or listing those that are malformed or whose answer
   *     is not one of {@code task}
   * @throws IOException if the file cannot be read
   */
  public static List<TaskItem> read(Path file, Task task) throws IOException {
    return JsonRecords.read(
        file, "records {\"instruction\": ..., \"answer\": ...}", record -> item(record, task));
  }

  private static Optional<TaskItem> item(JsonRecord record, Task task) {
    String instruction = record.text("instruction");
    String input = record.text("input", "");
    String answer = label(record, "answer", task);
    return record.ifSound(() -> new TaskItem(instruction, input, answer));
  }

  /** The label under {@code key}; one that {@code task} does not accept is a problem. */
  static String label(JsonRecord record, String key, Task task) {
    int problemsBefore = record.problems().size();
    String label = record.textOrNumber(key);
    if (record.problems().size() == problemsBefore && !task.rule().acceptsLabel(label)) {
      record.problem("\"%s\" must be %s, got \"%s\"", key, task.rule().expectedLabel(), label);
    }
    return label;
  }
}
