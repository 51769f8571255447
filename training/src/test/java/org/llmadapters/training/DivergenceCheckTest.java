package org.llmadapters.training;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableLongArray;
import org.junit.jupiter.api.Test;
import org.llmadapters.training.metrics.Series;
import org.llmadapters.training.step.StepOutcome;

final class DivergenceCheckTest {
  private static final Series NOTHING =
      new Series(ImmutableLongArray.of(), ImmutableDoubleArray.of());

  private long step;

  private DivergenceCheck check(double ratio) {
    return new DivergenceCheck(ratio, NOTHING);
  }

  private void steps(DivergenceCheck check, int count, double loss) {
    for (int i = 0; i < count; i++) {
      check.require(new StepOutcome(loss, 7, 1), ++step);
    }
  }

  @Test
  void stopsWhenTheMedianOfTenStepsIsOverSoManyTimesTheLowest() {
    DivergenceCheck check = check(5);
    steps(check, 10, 4);
    steps(check, 10, 2);
    // Of ten losses five are 2, and the median lies between 2 and 18.
    steps(check, 5, 18);
    assertThatThrownBy(() -> steps(check, 1, 18.5))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "step 26: the median loss of the last 10 steps is 18.00, over 5 times the lowest so"
                + " far, 2.000: the run diverges; its checkpoints are untouched. Lower"
                + " --learning-rate, add --warmup-steps, or let it go on with --resume"
                + " --max-loss-ratio 0");
  }

  @Test
  void doesNotMindAFewBadBatches() {
    DivergenceCheck check = check(5);
    steps(check, 20, 2);
    assertThatCode(
            () -> {
              steps(check, 4, 1000);
              steps(check, 10, 2);
            })
        .doesNotThrowAnyException();
  }

  @Test
  void seesWhenTheFirstUpdateBreaksTheModel() {
    DivergenceCheck check = check(5);
    steps(check, 1, 2);
    steps(check, 8, 30);
    assertThatThrownBy(() -> steps(check, 1, 30)).hasMessageStartingWith("step 10: ");
  }

  @Test
  void doesNotMindHighLossesFromTheStartOn() {
    DivergenceCheck check = check(5);
    assertThatCode(() -> steps(check, 50, 90)).doesNotThrowAnyException();
  }

  @Test
  void smallLossesMayChangeByLargeFactors() {
    DivergenceCheck check = check(5);
    steps(check, 20, 1e-3);
    assertThatCode(() -> steps(check, 20, 4.9)).doesNotThrowAnyException();
    assertThatThrownBy(() -> steps(check, 20, 5.1)).hasMessageContaining("the run diverges");
  }

  @Test
  void zeroIsNoLimit() {
    DivergenceCheck check = check(0);
    steps(check, 20, 1);
    assertThatCode(() -> steps(check, 20, 1e6)).doesNotThrowAnyException();
  }

  @Test
  void aRunThatGoesOnRemembersItsLosses() {
    double[] losses = new double[25];
    long[] steps = new long[25];
    for (int i = 0; i < losses.length; i++) {
      losses[i] = i < 20 ? 2 : 18;
      steps[i] = i + 1L;
    }
    DivergenceCheck check =
        new DivergenceCheck(
            5, new Series(ImmutableLongArray.copyOf(steps), ImmutableDoubleArray.copyOf(losses)));
    step = 25;
    assertThatThrownBy(() -> steps(check, 1, 18)).hasMessageStartingWith("step 26: ");
  }

  /** As the loss of a step that overflowed in float16: neither high nor low, then and later. */
  @Test
  void aStepLeftOutMayHaveAnyLoss() {
    DivergenceCheck check = check(5);
    steps(check, 20, 2);
    for (double loss : new double[] {Double.NaN, Double.POSITIVE_INFINITY, 1000}) {
      check.skip(new StepOutcome(loss, 7, Double.NaN));
    }
    steps(check, 4, 18);
    // Five of the last ten, 1000 among them, are high by now.
    assertThatThrownBy(() -> steps(check, 1, 18.5)).hasMessageContaining("the run diverges");

    DivergenceCheck resumed =
        new DivergenceCheck(
            5, new Series(ImmutableLongArray.of(1, 2), ImmutableDoubleArray.of(Double.NaN, 2)));
    steps(resumed, 8, 30);
    assertThatThrownBy(() -> steps(resumed, 1, 30)).hasMessageContaining("lowest so far, 2.000");
  }

  @Test
  void stopsAtOnceWhenSomethingIsNoNumber() {
    assertThatThrownBy(() -> check(0).require(new StepOutcome(Double.NaN, 7, 1), 3))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "step 3: loss NaN, gradient norm 1.0; the last checkpoint is untouched. Lower"
                + " --learning-rate, or add --warmup-steps");
    assertThatThrownBy(() -> check(0).require(new StepOutcome(1, 7, Double.POSITIVE_INFINITY), 3))
        .hasMessageStartingWith("step 3: loss 1.0, gradient norm Infinity; ");
  }
}
