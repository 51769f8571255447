package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ScoredChoiceTest {
  private static final Task TASK = Task.of("choices");

  private static Prediction grade(String label, ScoredChoice... choices) {
    return TASK.grade(3, "The sky is", List.of(choices), label, 17);
  }

  @Test
  void theLikeliestIsTheAnswerAndTheLikeliestPerCharacterTheNormalizedOne() {
    ScoredChoice dark = new ScoredChoice("0", "dark", -4.5);
    ScoredChoice blue = new ScoredChoice("1", "blue today", -5);
    Prediction prediction = grade("1", dark, blue);
    assertThat(prediction)
        .isEqualTo(
            new Prediction(3, "The sky is", "dark", "0", "1", false, 17, List.of(dark, blue)));
    assertThat(prediction.correctNormalized()).isTrue();
    assertThat(grade("0", dark, blue).correct()).isTrue();
    assertThat(grade("0", dark, blue).correctNormalized()).isFalse();
  }

  @Test
  void ofEqualOnesTheFirstIsTheAnswer() {
    Prediction prediction =
        grade("1", new ScoredChoice("0", "a", -2), new ScoredChoice("1", "b", -2));
    assertThat(prediction.extracted()).isEqualTo("0");
    assertThat(prediction.correctNormalized()).isFalse();
  }

  /** As Python's len: a letter outside the first plane is one character, of two Java chars. */
  @Test
  void lengthIsCountedInCodePoints() {
    assertThat(new ScoredChoice("0", "\uD83D\uDE00\u00E4", -6).normalized()).isEqualTo(-3);
  }

  @Test
  void scoresCountBoth() {
    ScoredChoice dark = new ScoredChoice("0", "dark", -4.5);
    ScoredChoice blue = new ScoredChoice("1", "blue today", -5);
    List<Prediction> predictions =
        List.of(grade("0", dark, blue), grade("1", dark, blue), grade("1", dark, blue));
    assertThat(Score.of(predictions)).isEqualTo(new Score(1, 3));
    assertThat(Score.ofNormalized(predictions)).contains(new Score(2, 3));
    assertThat(Score.ofNormalized(List.of(Task.of("SVAMP").grade(0, "", "5", "5", 1)))).isEmpty();
  }

  @Test
  void aScoredChoiceHasNoCorrectedRule() {
    Prediction prediction =
        Task.of("AQuA").grade(0, "", List.of(new ScoredChoice("B", "1000", -1)), "B", 5);
    assertThat(prediction.correct()).isTrue();
    assertThat(Task.of("AQuA").correctedScore(List.of(prediction))).isEqualTo(Optional.empty());
  }
}
