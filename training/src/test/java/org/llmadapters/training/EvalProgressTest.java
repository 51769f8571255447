package org.llmadapters.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class EvalProgressTest {

  /** The counts after each of {@code losses}, which are measured every 10 steps. */
  private static List<Integer> counts(double threshold, double... losses) {
    List<Integer> counts = new ArrayList<>();
    EvalProgress progress = EvalProgress.NONE;
    for (int i = 0; i < losses.length; i++) {
      progress = progress.after(10L * (i + 1), losses[i], threshold);
      counts.add(progress.withoutImprovement());
    }
    return counts;
  }

  @Test
  void countsEvaluationsSinceTheLowestLoss() {
    assertThat(counts(0, 3, 2, 2, 2.5, 1.9, 1.9)).containsExactly(0, 0, 1, 2, 0, 1);
  }

  /** As in Hugging Face: 1.95 and 1.9 are each the lowest, and neither is lower by over 0.1. */
  @Test
  void aSmallImprovementIsTheBestButDoesNotStartTheCountAnew() {
    assertThat(counts(0.1, 2, 1.95, 1.9, 1.7)).containsExactly(0, 1, 2, 0);
    EvalProgress progress = EvalProgress.NONE.after(10, 2, 0.1).after(20, 1.95, 0.1);
    assertThat(progress.best()).contains(new BestEvaluation(20, 1.95));
  }

  @Test
  void ofEqualLossesTheFirstIsTheBest() {
    EvalProgress progress = EvalProgress.NONE.after(10, 2, 0).after(20, 2, 0);
    assertThat(progress).isEqualTo(new EvalProgress(Optional.of(new BestEvaluation(10, 2)), 1));
    assertThat(progress.isBest(10)).isTrue();
    assertThat(progress.isBest(20)).isFalse();
  }

  @Test
  void aLossThatIsNoNumberIsNeverTheBest() {
    EvalProgress progress =
        EvalProgress.NONE
            .after(10, Double.NaN, 0)
            .after(20, Double.POSITIVE_INFINITY, 0)
            .after(30, Double.NEGATIVE_INFINITY, 0);
    assertThat(progress).isEqualTo(new EvalProgress(Optional.empty(), 3));
    assertThat(progress.after(40, 2, 0).withoutImprovement()).isZero();
  }
}
