package org.llmadapters.eval.task;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The last number of a response, right if {@code |label - number| <= 0.001}.
 *
 * <p>Commas are removed first, then a number is {@code -?\d+\.?\d*}: {@code "1,234 - 5."} ends in
 * {@code 5.}, {@code "3-5"} in {@code -5}. Digits are those of any script, as in Python. Where the
 * published code takes infinity for a response without a number, there is no answer here: both are
 * wrong for every label.
 *
 * <p>Source: AGI-Edgerunners/LLM-Adapters, {@code extract_answer_number} in {@code evaluate.py}.
 */
final class NumberAnswer implements AnswerRule {

  private static final double TOLERANCE = 0.001;
  private static final Pattern NUMBER = Pattern.compile("-?\\p{Nd}+\\.?\\p{Nd}*");
  private static final Pattern LABEL =
      Pattern.compile("\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d{1,3})?\\s*");

  @Override
  public Optional<String> extract(String response) {
    Matcher numbers = NUMBER.matcher(response.replace(",", ""));
    return numbers.results().reduce((first, second) -> second).map(last -> last.group());
  }

  @Override
  public boolean matches(String extracted, String label) {
    return Math.abs(Double.parseDouble(label) - parse(extracted)) <= TOLERANCE;
  }

  @Override
  public boolean acceptsLabel(String label) {
    return LABEL.matcher(label).matches() && Double.isFinite(Double.parseDouble(label));
  }

  @Override
  public String expectedLabel() {
    return "a number such as 576 or 576.0";
  }

  private static double parse(String number) {
    StringBuilder ascii = new StringBuilder();
    number
        .codePoints()
        .map(c -> Character.isDigit(c) ? '0' + Character.digit(c, 10) : c)
        .forEach(ascii::appendCodePoint);
    return Double.parseDouble(ascii.toString());
  }
}
