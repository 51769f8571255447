package org.llmadapters.eval.task;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
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
 * {@code input} may be left out, other keys are ignored. Those of the task {@code choices} are
 *
 * <pre>
 *   {"context": "Tom has a", "choices": ["dog.", "sky."], "gold": 0, "target_delimiter": " "}
 * </pre>
 *
 * with {@code query} as another name of {@code context}, {@code label} of {@code gold}; what is
 * between context and choice is a space unless {@code target_delimiter} says something else.
 */
public final class TaskFile {

  private TaskFile() {}

  /**
   * The items of {@code file}, in order, to be answered freely.
   *
   * @throws FormatException if there are none, or listing those that are malformed or whose answer
   *     is not one of {@code task}
   * @throws IOException if the file cannot be read
   */
  public static List<TaskItem> read(Path file, Task task) throws IOException {
    return JsonRecords.read(
        file,
        "records {\"instruction\": ..., \"answer\": ...}",
        record -> item(record, task, instruction -> List.of()));
  }

  /**
   * The items of {@code file}, in order, with their choices.
   *
   * @param form what a choice's text is; without effect on records that bring their choices
   * @throws FormatException if there are none, or listing those that are malformed, have no choices
   *     or whose answer is none of them
   * @throws IllegalArgumentException if {@code task} has no choices
   * @throws IOException if the file cannot be read
   */
  public static List<TaskItem> readChoices(Path file, Task task, ChoiceForm form)
      throws IOException {
    if (task.bringsChoices()) {
      return JsonRecords.read(
          file,
          "records {\"context\": ..., \"choices\": [...], \"gold\": ...}",
          TaskFile::ownChoices);
    }
    ChoiceList list =
        task.choiceList()
            .orElseThrow(
                () -> new IllegalArgumentException("the task " + task.name() + " has no choices"));
    return JsonRecords.read(
        file,
        "records {\"instruction\": ..., \"answer\": ...}",
        record -> item(record, task, instruction -> choices(record, list, instruction, form)));
  }

  private static Optional<TaskItem> item(
      JsonRecord record, Task task, Function<String, List<Choice>> choices) {
    String instruction = record.text("instruction");
    String input = record.text("input", "");
    String answer = label(record, "answer", task);
    if (!record.problems().isEmpty()) {
      return Optional.empty();
    }
    List<Choice> found = choices.apply(instruction);
    if (!found.isEmpty() && found.stream().noneMatch(choice -> choice.answer().equals(answer))) {
      record.problem(
          "\"answer\" is %s, which is none of the choices %s",
          answer, String.join(", ", found.stream().map(Choice::answer).toList()));
    }
    return record.ifSound(() -> new TaskItem(instruction, input, answer, found));
  }

  private static List<Choice> choices(
      JsonRecord record, ChoiceList list, String instruction, ChoiceForm form) {
    List<ChoiceList.Listed> listed = list.in(instruction);
    if (listed.isEmpty()) {
      record.problem("\"instruction\" lists no choices, expected %s", list.expected());
    }
    List<Choice> choices = new ArrayList<>();
    for (ChoiceList.Listed choice : listed) {
      String text = form == ChoiceForm.OPTION ? choice.option() : list.response(choice.answer());
      if (text.isEmpty()) {
        record.problem("the choice %s of the \"instruction\" is empty", choice.answer());
      }
      choices.add(new Choice(choice.answer(), text));
    }
    return choices;
  }

  private static Optional<TaskItem> ownChoices(JsonRecord record) {
    String context = record.text(record.has("query") ? "query" : "context");
    List<String> texts = record.texts("choices");
    String key = record.has("label") ? "label" : "gold";
    int gold = record.count(key, -1);
    String delimiter = record.text("target_delimiter", " ");
    if (record.problems().isEmpty()) {
      if (texts.size() < 2 || texts.contains("")) {
        record.problem("\"choices\" must be two or more texts that are not empty");
      } else if (gold < 0) {
        record.problem("\"gold\" is missing");
      } else if (gold >= texts.size()) {
        record.problem("\"%s\" is %d, expected less than %d choices", key, gold, texts.size());
      }
    }
    List<Choice> choices = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      choices.add(new Choice(String.valueOf(i), texts.get(i), delimiter + texts.get(i)));
    }
    return record.ifSound(() -> new TaskItem(context, "", String.valueOf(gold), choices));
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
