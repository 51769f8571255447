package org.llmadapters.training.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;

/** The scale from step to step, as {@code torch.amp.GradScaler} has it. */
final class LossScaleTest {
  private static final StepOutcome FINITE = new StepOutcome(1, 7, 0.5);
  private static final StepOutcome OVERFLOW = new StepOutcome(1, 7, Double.POSITIVE_INFINITY);

  private final ModelSession session = new ModelSession(new SessionOptions(1));

  @AfterEach
  void close() {
    session.close();
  }

  private float variable(LossScale scale) {
    return session.value(scale.variable().orElseThrow())[0];
  }

  @Test
  void anOverflowHalvesItAndBeginsTheCountAgain() {
    LossScale scale = new LossScale(session, LossScaling.DYNAMIC);
    assertThat(variable(scale)).isEqualTo(65536f);
    scale.update(FINITE);
    assertThat(scale.state()).isEqualTo(new LossScale.State(65536, 1, 0));
    scale.update(OVERFLOW);
    scale.update(new StepOutcome(Double.NaN, 7, Double.NaN));
    assertThat(scale.state()).isEqualTo(new LossScale.State(16384, 0, 2));
    assertThat(variable(scale)).isEqualTo(16384f);
  }

  @Test
  void itDoublesAfterTwoThousandStepsInARow() {
    LossScale scale = new LossScale(session, LossScaling.DYNAMIC);
    scale.restore(new LossScale.State(1024, 1998, 3));
    scale.update(FINITE);
    assertThat(scale.state()).isEqualTo(new LossScale.State(1024, 1999, 3));
    scale.update(FINITE);
    assertThat(scale.state()).isEqualTo(new LossScale.State(2048, 0, 3));
    assertThat(variable(scale)).isEqualTo(2048f);
  }

  /** Twice as much would be infinite in float32. */
  @Test
  void itDoesNotGrowBeyondFloat32() {
    LossScale scale = new LossScale(session, LossScaling.DYNAMIC);
    scale.restore(new LossScale.State(0x1p127, 1999, 0));
    scale.update(FINITE);
    assertThat(scale.state()).isEqualTo(new LossScale.State(0x1p127, 0, 0));
  }

  @Test
  void aConstantOneStays() {
    LossScale scale = new LossScale(session, LossScaling.of("128"));
    assertThat(variable(scale)).isEqualTo(128f);
    scale.update(OVERFLOW);
    assertThat(scale.state()).isEqualTo(new LossScale.State(128, 0, 0));
    assertThat(scale.isDynamic()).isFalse();
  }

  @Test
  void belowOneTheRunEnds() {
    LossScale scale = new LossScale(session, LossScaling.DYNAMIC);
    scale.restore(new LossScale.State(2, 5, 16));
    scale.update(OVERFLOW);
    scale.requireEnough(17);
    scale.update(OVERFLOW);
    assertThatThrownBy(() -> scale.requireEnough(18))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "step 18: the gradients are infinite or no numbers even with a loss scale of 1.0: the"
                + " model itself exceeds what float16 can hold; its checkpoints are untouched."
                + " Convert the base with --dtype bfloat16, or lower --learning-rate");
  }

  @Test
  void autoIsDynamicForFloat16Alone() {
    assertThat(LossScaling.of("auto").resolved(WeightDtype.FLOAT16)).isEqualTo(LossScaling.DYNAMIC);
    assertThat(LossScaling.of("auto").resolved(WeightDtype.BFLOAT16)).isEqualTo(LossScaling.OFF);
    assertThat(LossScaling.of("auto").resolved(WeightDtype.FLOAT32)).isEqualTo(LossScaling.OFF);
    assertThat(LossScaling.of("dynamic").resolved(WeightDtype.FLOAT32))
        .isEqualTo(LossScaling.DYNAMIC);
    assertThat(LossScaling.of("off").resolved(WeightDtype.FLOAT16)).isEqualTo(LossScaling.OFF);
    assertThat(new LossScale(session, LossScaling.OFF).variable()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "on", "0", "0.5", "-2", "NaN", "Infinity", "1e30"})
  void rejectsWhatIsNoScale(String text) {
    assertThatThrownBy(() -> LossScaling.of(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "--loss-scale must be auto, dynamic, off or a number from 1 to 2^60, got " + text);
  }
}
