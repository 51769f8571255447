package org.llmadapters.training.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;

final class RandomDeviceWeightsTest {
  private static final List<Weight> WEIGHTS =
      List.of(
          new Weight("first.weight", WeightDtype.FLOAT32, List.of(300L, 200L)),
          new Weight("second.weight", WeightDtype.FLOAT32, List.of(300L, 200L)),
          new Weight("norm.weight", WeightDtype.FLOAT32, List.of(50L)),
          new Weight("first.bias", WeightDtype.FLOAT32, List.of(50L)));

  private static List<float[]> drawn(int seed) {
    try (ModelSession session = new ModelSession(new SessionOptions(1))) {
      session.declare(WEIGHTS);
      RandomDeviceWeights.assign(session, WEIGHTS, seed);
      List<float[]> values = new ArrayList<>();
      WEIGHTS.forEach(weight -> values.add(session.value(weight)));
      return values;
    }
  }

  /** Limits are five standard errors of 60,000 draws: 1/sqrt(n), 1/sqrt(2n), sqrt(24/n). */
  @Test
  void matricesAreNormallyDistributed() {
    float[] values = drawn(1).get(0);
    int n = values.length;
    double mean = 0;
    double square = 0;
    double fourth = 0;
    for (float value : values) {
      double standardized = value / 0.02;
      mean += standardized / n;
      square += standardized * standardized / n;
      fourth += Math.pow(standardized, 4) / n;
    }
    assertThat(mean).isCloseTo(0, within(5 / Math.sqrt(n)));
    assertThat(Math.sqrt(square)).isCloseTo(1, within(5 / Math.sqrt(2.0 * n)));
    assertThat(fourth).isCloseTo(3, within(5 * Math.sqrt(96.0 / n)));
  }

  @Test
  void normsAreOneAndBiasesZero() {
    assertThat(drawn(1).get(2)).containsOnly(1f);
    assertThat(drawn(1).get(3)).containsOnly(0f);
  }

  @Test
  void theSameSeedGivesTheSameValuesAndAnotherGivesOthers() {
    List<float[]> once = drawn(1);
    List<float[]> again = drawn(1);
    for (int i = 0; i < once.size(); i++) {
      assertThat(again.get(i)).isEqualTo(once.get(i));
    }
    assertThat(drawn(2).get(0)).isNotEqualTo(once.get(0));
    assertThat(once.get(1)).isNotEqualTo(once.get(0));
  }
}
