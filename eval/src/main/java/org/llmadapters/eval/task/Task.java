package org.llmadapters.eval.task;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.llmadapters.eval.prompt.PromptTemplate;

/**
 * A benchmark: its name and how its answers are found and judged.
 *
 * @param name as LLM-Adapters spells it: {@code gsm8k}, {@code SVAMP}; {@code math} is any file
 *     whose answers are numbers
 * @param rule finds and judges an answer, as published
 * @param corrected does so where the published rule is known to be wrong; results are given by both
 */
public record Task(String name, AnswerRule rule, Optional<AnswerRule> corrected) {
  private static final AnswerRule NUMBER = new NumberAnswer();
  private static final AnswerRule LETTER = new FirstChoice("A", "B", "C", "D", "E");
  private static final AnswerRule ANSWER =
      new FirstChoice("answer1", "answer2", "answer3", "answer4", "answer5");

  private static final List<Task> KNOWN =
      List.of(
          new Task("AddSub", NUMBER),
          new Task("MultiArith", NUMBER),
          new Task("SingleEq", NUMBER),
          new Task("gsm8k", NUMBER),
          new Task("SVAMP", NUMBER),
          new Task("mawps", NUMBER),
          new Task("math", NUMBER),
          new Task("AQuA", LETTER, Optional.of(new LastLetter())),
          new Task("mathqa", LETTER, Optional.of(new LastLetter())),
          new Task("boolq", new FirstChoice("true", "false")),
          new Task("piqa", new FirstChoice("solution1", "solution2")),
          new Task("social_i_qa", ANSWER),
          new Task("hellaswag", new FirstChoice("ending1", "ending2", "ending3", "ending4")),
          new Task("winogrande", new FirstChoice("option1", "option2")),
          new Task("ARC-Easy", ANSWER),
          new Task("ARC-Challenge", ANSWER),
          new Task("openbookqa", ANSWER));

  /** A task whose published rule is good. */
  public Task(String name, AnswerRule rule) {
    this(name, rule, Optional.empty());
  }

  /** How many of {@code predictions} are right by {@link #corrected}, if there is one. */
  public Optional<Score> correctedScore(List<Prediction> predictions) {
    return corrected.map(
        better ->
            new Score(
                (int)
                    predictions.stream()
                        .filter(
                            prediction ->
                                better
                                    .extract(prediction.response())
                                    .filter(found -> better.matches(found, prediction.label()))
                                    .isPresent())
                        .count(),
                predictions.size()));
  }

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
