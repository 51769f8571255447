package org.llmadapters.eval.task;

import java.util.List;
import java.util.stream.Collectors;
import org.llmadapters.eval.prompt.PromptTemplate;

/**
 * A benchmark: its name and how its answers are found and judged.
 *
 * @param name as LLM-Adapters spells it: {@code gsm8k}, {@code SVAMP}; {@code math} is any file
 *     whose answers are numbers
 * @param rule finds and judges an answer
 */
public record Task(String name, AnswerRule rule) {

  private static final List<Task> KNOWN =
      List.of(
          new Task("AddSub", new NumberAnswer()),
          new Task("MultiArith", new NumberAnswer()),
          new Task("SingleEq", new NumberAnswer()),
          new Task("gsm8k", new NumberAnswer()),
          new Task("SVAMP", new NumberAnswer()),
          new Task("mawps", new NumberAnswer()),
          new Task("math", new NumberAnswer()));

  /**
   * The task called {@code name}.
   *
   * @throws IllegalArgumentException if there is none, naming all
   */
  public static Task of(String name) {
    return KNOWN.stream()
        .filter(task -> task.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown task \""
                        + name
                        + "\"; known: "
                        + names().stream().collect(Collectors.joining(", "))));
  }

  /** The names that {@link #of} knows. */
  public static List<String> names() {
    return KNOWN.stream().map(Task::name).toList();
  }

  /** What a model is asked: {@code item} in {@code template}, up to where the response starts. */
  public String prompt(TaskItem item, PromptTemplate template) {
    return template.prompt(item.instruction(), item.input());
  }

  /**
   * A response with its answer found and judged.
   *
   * @param index of the item in its file, from 0
   * @param prompt what the model was asked
   * @param response what it said, without the prompt
   * @param label the item's answer
   * @param tokens generated for the response
   * @throws IllegalArgumentException if {@code label} is not one of this task
   */
  public Prediction grade(int index, String prompt, String response, String label, int tokens) {
    if (!rule.acceptsLabel(label)) {
      throw new IllegalArgumentException(
          "the label must be " + rule.expectedLabel() + ", got \"" + label + "\"");
    }
    String extracted = rule.extract(response).orElse(null);
    boolean correct = extracted != null && rule.matches(extracted, label);
    return new Prediction(index, prompt, response, extracted, label, correct, tokens);
  }
}
