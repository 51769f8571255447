package org.llmadapters.eval.task;

import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * The last capital letter from A to E that stands alone; right if it is the label. This corrects
 * the published rule for AQuA, {@link FirstChoice} of the letters, which takes the "C" of
 * "Cross-multiply" for an answer.
 */
final class LastLetter implements AnswerRule {
  private static final Pattern LETTER = Pattern.compile("\\b[A-E]\\b");

  @Override
  public Optional<String> extract(String response) {
    return LETTER
        .matcher(response)
        .results()
        .reduce((first, second) -> second)
        .map(MatchResult::group);
  }

  @Override
  public boolean matches(String extracted, String label) {
    return extracted.equals(label);
  }

  @Override
  public boolean acceptsLabel(String label) {
    return label.matches("[A-E]");
  }

  @Override
  public String expectedLabel() {
    return "a letter from A to E";
  }
}
