package org.llmadapters.eval.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;

final class ComparisonTest {
  private static final Task MATH = Task.of("math");

  /** The items have the label 1; an answer is a digit. */
  private static List<Prediction> answers(String digits) {
    List<Prediction> predictions = new ArrayList<>();
    for (int i = 0; i < digits.length(); i++) {
      predictions.add(MATH.grade(i, "", digits.substring(i, i + 1), "1", 1));
    }
    return predictions;
  }

  @Test
  void countsItemByItem() {
    List<Prediction> first = answers("1111110000");
    List<Prediction> second = answers("1110001000");
    Comparison comparison = Comparison.of(first, second);
    assertThat(comparison).isEqualTo(new Comparison(3, 3, 1, 3));
    assertThat(comparison.first()).isEqualTo(new Score(6, 10));
    assertThat(comparison.second()).isEqualTo(new Score(4, 10));
    assertThat(comparison.items()).isEqualTo(10);
    assertThat(Comparison.of(second, first)).isEqualTo(new Comparison(3, 1, 3, 3));
  }

  @Test
  void pairsByIndexAndNotByPosition() {
    List<Prediction> turned = new ArrayList<>(answers("100"));
    Collections.reverse(turned);
    assertThat(Comparison.of(answers("100"), turned)).isEqualTo(new Comparison(1, 0, 0, 2));
  }

  /** Expected: {@code 2 * sum C(n, i) / 2^n} in exact fractions, rounded once. */
  @ParameterizedTest
  @CsvSource({
    "0, 0, 1",
    "1, 0, 1",
    "10, 10, 1",
    "0, 5, 0.0625",
    "3, 9, 0.14599609375",
    "9, 3, 0.14599609375",
    "20, 9, 0.06142834573984146",
    "150, 86, 3.715936139571442e-05",
    "5000, 4700, 0.0023966033625776252",
    "1500, 900, 1.0057228756190962e-34",
  })
  void givesTheExactTwoSidedBinomialProbability(int onlyFirst, int onlySecond, double p) {
    double value = new Comparison(7, onlyFirst, onlySecond, 11).pValue();
    assertThat(value).isCloseTo(p, within(1e-11 * p));
  }

  @Test
  void vanishesRatherThanOverflows() {
    assertThat(new Comparison(0, 1_000_000, 0, 0).pValue()).isZero();
    assertThat(new Comparison(0, 500_000, 500_000, 0).pValue()).isEqualTo(1);
  }

  @Test
  void addsUp() {
    assertThat(new Comparison(1, 2, 3, 4).plus(new Comparison(10, 20, 30, 40)))
        .isEqualTo(new Comparison(11, 22, 33, 44));
  }

  @Test
  void rejectsPredictionsOfOtherItems() {
    List<Prediction> second = new ArrayList<>(answers("11111"));
    second.remove(0);
    second.set(0, MATH.grade(1, "", "1", "2", 1));
    assertThatThrownBy(() -> Comparison.of(answers("111"), second))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "1 items are only in the first, 2 only in the second, 1 have different labels; expected"
                + " predictions of the same items");
  }

  @Test
  void rejectsNegativeCounts() {
    assertThatThrownBy(() -> new Comparison(1, 2, -3, 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "counts must be >= 0, got [1, 2, -3, 4] for both, only the first, only the second,"
                + " neither");
  }
}
