package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ScoreTest {

  @Test
  void countsTheRightAnswersOfAll() {
    Task task = Task.of("math");
    Score score =
        Score.of(
            List.of(
                task.grade(0, "", "5", "5", 1),
                task.grade(1, "", "none", "5", 1),
                task.grade(2, "", "6", "5", 1),
                task.grade(3, "", "7", "7", 1)));

    assertThat(score).isEqualTo(new Score(2, 4));
    assertThat(score.accuracy()).isEqualTo(0.5);
  }

  /** Expected values: the formula in another language, 16 digits. */
  @ParameterizedTest
  @CsvSource({
    "50, 100, 0.4038315303659956, 0.5961684696340044",
    "495, 1319, 0.34955146587399044, 0.40174148173796154",
    "0, 10, 0, 0.2775327998628892",
    "10, 10, 0.7224672001371107, 1",
  })
  void givesTheWilsonInterval(int correct, int total, double low, double high) {
    Score.Interval interval = new Score(correct, total).interval();

    assertThat(interval.low()).isCloseTo(low, within(1e-12));
    assertThat(interval.high()).isCloseTo(high, within(1e-12));
    assertThat(interval.low()).isBetween(0.0, interval.high());
    assertThat(interval.high()).isLessThanOrEqualTo(1.0);
  }

  @Test
  void rejectsAScoreOfNothing() {
    assertThatThrownBy(() -> Score.of(List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a score needs 0 <= correct <= total and total >= 1, got 0 of 0");
  }

  @Test
  void rejectsMoreRightAnswersThanItems() {
    assertThatThrownBy(() -> new Score(4, 3)).hasMessageContaining("got 4 of 3");
  }
}
