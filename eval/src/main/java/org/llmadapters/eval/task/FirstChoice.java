package org.llmadapters.eval.task;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The first of some words that occurs in a response, be it inside another word; right if it is the
 * label. Case matters.
 *
 * <p>Source: AGI-Edgerunners/LLM-Adapters, {@code extract_answer} in {@code
 * commonsense_evaluate.py} and {@code extract_answer_letter} in {@code evaluate.py}.
 */
final class FirstChoice implements AnswerRule {
  private final List<String> choices;
  private final Pattern pattern;

  FirstChoice(String... choices) {
    this.choices = List.of(choices);
    this.pattern =
        Pattern.compile(this.choices.stream().map(Pattern::quote).collect(Collectors.joining("|")));
  }

  @Override
  public Optional<String> extract(String response) {
    Matcher matcher = pattern.matcher(response);
    return matcher.find() ? Optional.of(matcher.group()) : Optional.empty();
  }

  @Override
  public boolean matches(String extracted, String label) {
    return extracted.equals(label);
  }

  @Override
  public boolean acceptsLabel(String label) {
    return choices.contains(label);
  }

  @Override
  public String expectedLabel() {
    return "one of " + String.join(", ", choices);
  }
}
