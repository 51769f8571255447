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
 * @param choiceList where an instruction lists the answers to choose from, if it does
 */
public record Task(
    String name, AnswerRule rule, Optional<AnswerRule> corrected, Optional<ChoiceList> choiceList) {
  /** Any file whose records bring a context and choices with them. */
  private static final String CHOICES = "choices";

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
          lettered("AQuA", LetteredChoices.aqua()),
          lettered("mathqa", LetteredChoices.mathqa()),
          named("boolq", new FirstChoice("true", "false")),
          named("piqa", new FirstChoice("solution1", "solution2")),
          named("social_i_qa", ANSWER),
          named("hellaswag", new FirstChoice("ending1", "ending2", "ending3", "ending4")),
          named("winogrande", new FirstChoice("option1", "option2")),
          named("ARC-Easy", ANSWER),
          named("ARC-Challenge", ANSWER),
          named("openbookqa", ANSWER),
          new Task(CHOICES, new ChoiceNumber()));

  /** A task whose published rule is good and whose questions are answered freely. */
  public Task(String name, AnswerRule rule) {
    this(name, rule, Optional.empty(), Optional.empty());
  }

  private static Task lettered(String name, ChoiceList choices) {
    return new Task(name, LETTER, Optional.of(new LastLetter()), Optional.of(choices));
  }

  private static Task named(String name, AnswerRule rule) {
    return new Task(name, rule, Optional.empty(), Optional.of(new NamedChoices()));
  }

  /** Whether its items have choices, whose likelihoods can be compared. */
  public boolean hasChoices() {
    return choiceList.isPresent() || bringsChoices();
  }

  /** Whether its records have their choices under a key of their own, and no instruction. */
  public boolean bringsChoices() {
    return name.equals(CHOICES);
  }

  /**
   * How many of {@code predictions} are right by {@link #corrected}, if there is one and they were
   * generated: a scored choice is what it is.
   */
  public Optional<Score> correctedScore(List<Prediction> predictions) {
    if (predictions.stream().anyMatch(prediction -> !prediction.choices().isEmpty())) {
      return Optional.empty();
    }
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

  /**
   * What a model is asked: {@code item} in {@code template}, up to where the response starts; a
   * context that brings its choices is taken as it is.
   */
  public String prompt(TaskItem item, PromptTemplate template) {
    return bringsChoices() ? item.instruction() : template.prompt(item.instruction(), item.input());
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
    requireLabel(label);
    String extracted = rule.extract(response).orElse(null);
    boolean correct = extracted != null && rule.matches(extracted, label);
    return new Prediction(index, prompt, response, extracted, label, correct, tokens);
  }

  /**
   * The likeliest of some choices, judged: {@code acc} of lm-evaluation-harness, with {@link
   * Prediction#correctNormalized} for {@code acc_norm}.
   *
   * @param index of the item in its file, from 0
   * @param prompt what the choices follow
   * @param choices one or more
   * @param label the item's answer
   * @param tokens read to score the choices
   * @throws IllegalArgumentException if {@code label} is not one of this task
   */
  public Prediction grade(
      int index, String prompt, List<ScoredChoice> choices, String label, int tokens) {
    requireLabel(label);
    ScoredChoice best = ScoredChoice.likeliest(choices);
    return new Prediction(
        index,
        prompt,
        best.text(),
        best.answer(),
        label,
        best.answer().equals(label),
        tokens,
        choices);
  }

  private void requireLabel(String label) {
    if (!rule.acceptsLabel(label)) {
      throw new IllegalArgumentException(
          "the label must be " + rule.expectedLabel() + ", got \"" + label + "\"");
    }
  }
}
