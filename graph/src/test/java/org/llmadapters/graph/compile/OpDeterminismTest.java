package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.exceptions.TFInvalidArgumentException;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

final class OpDeterminismTest {
  @AfterEach
  void turnOff() {
    OpDeterminism.set(false);
  }

  /** A random number without a seed. */
  private static float draw() {
    try (ModelSession model = new ModelSession(SessionOptions.oneReplica())) {
      Ops tf = model.tf();
      Operand<TFloat32> random =
          tf.random.randomUniform(tf.constant(new int[] {1}), TFloat32.class);
      try (Result result = model.session().runner().fetch(random).run()) {
        return ((TFloat32) result.get(0)).getFloat(0);
      }
    }
  }

  @Test
  void refusesWhatIsNotTheSameEveryTime() {
    OpDeterminism.set(true);
    assertThatThrownBy(OpDeterminismTest::draw)
        .isInstanceOf(TFInvalidArgumentException.class)
        .hasMessageContaining("When determinism is enabled, random ops must have a seed");
  }

  @Test
  void allowsItOtherwise() {
    OpDeterminism.set(true);
    OpDeterminism.set(false);
    assertThat(draw()).isBetween(0f, 1f);
  }
}
