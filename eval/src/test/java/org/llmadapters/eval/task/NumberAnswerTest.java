package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class NumberAnswerTest {

  private final NumberAnswer rule = new NumberAnswer();

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "The answer is 42                | 42",
        "The answer is 42.               | 42.",
        "First 3, then 7.5 remain        | 7.5",
        "It costs $1,234,567.89          | 1234567.89",
        "a debt of -12 dollars           | -12",
        "3-5                             | -5",
        "10 - 3 = 7 ; so 7 apples        | 7",
        "1.2.3                           | 3",
        ".5                              | 5",
        "2e3                             | 3",
        "x = 1/2                         | 2",
        "the answer is \u0663\u0664      | \u0663\u0664",
      })
  void takesTheLastNumber(String response, String expected) {
    assertThat(rule.extract(response)).hasValue(expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "no idea", ", -.", "forty two"})
  void findsNoAnswerWithoutADigit(String response) {
    assertThat(rule.extract(response)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "42, 42.0, true",
    "42., 42, true",
    "-42, 42, false",
    "0.3333, 0.3333333333333333, true",
    "0.332, 0.3333333333333333, false",
    "2.001, 2.0, true",
    "1.0009, 1.0, true",
    "1.0011, 1.0, false",
    "576, 576.0, true",
    "\u0663\u0664, 34.0, true",
    "7, 7e0, true",
  })
  void isRightWithinAThousandth(String extracted, String label, boolean right) {
    assertThat(rule.matches(extracted, label)).isEqualTo(right);
  }

  @Test
  void isWrongWhenTheNumberOverflows() {
    assertThat(rule.matches("9".repeat(400), "9")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"576.0", "576", "-3", "+3", ".5", "5.", "1e3", "1.5E-7", " 8 "})
  void acceptsANumberAsLabel(String label) {
    assertThat(rule.acceptsLabel(label)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "A", "1,000", "NaN", "inf", "5f", "0x1p3", "1e999", "--1", "3 4"})
  void rejectsAnythingElseAsLabel(String label) {
    assertThat(rule.acceptsLabel(label)).isFalse();
  }
}
