package org.llmadapters.eval.task;

import java.util.Optional;

/** The number of a choice, from 0; a response is that number and nothing else. */
final class ChoiceNumber implements AnswerRule {
  @Override
  public Optional<String> extract(String response) {
    return Optional.of(response.strip()).filter(this::acceptsLabel);
  }

  @Override
  public boolean matches(String extracted, String label) {
    return extracted.equals(label);
  }

  @Override
  public boolean acceptsLabel(String label) {
    return label.matches("0|[1-9][0-9]{0,8}");
  }

  @Override
  public String expectedLabel() {
    return "the number of a choice, from 0";
  }
}
