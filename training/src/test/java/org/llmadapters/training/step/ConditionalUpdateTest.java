package org.llmadapters.training.step;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.optimizer.Adafactor;
import org.llmadapters.training.optimizer.Adam;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.optimizer.LearningRates;
import org.llmadapters.training.optimizer.Lion;
import org.llmadapters.training.optimizer.Optimizer;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.optimizer.Sgd;

/** Every optimizer, with weight decay and clipping, on gradients that are not finite. */
final class ConditionalUpdateTest {
  private static final List<Weight> TRAINED =
      List.of(
          new Weight("w", WeightDtype.FLOAT32, List.of(5L, 3L)),
          new Weight("v", WeightDtype.FLOAT32, List.of(7L)));

  static Stream<Optimizer> optimizers() {
    return Stream.of(
        Adam.defaults(),
        AdamW.defaults(),
        new Sgd(0, false),
        new Sgd(0.9, false),
        new Sgd(0.9, true),
        new Adafactor(),
        Lion.defaults());
  }

  private static FedOptimizer open(Optimizer optimizer, boolean oneProgram, boolean skipsOverflow) {
    FedOptimizer fed =
        new FedOptimizer(
            new OptimizerConfig(optimizer, 0.1, 1, LearningRates.EQUAL),
            TRAINED,
            oneProgram,
            skipsOverflow);
    Random random = new Random(8);
    fed.session.assign(Map.of("w", random(random, 15), "v", random(random, 7)));
    return fed;
  }

  private static float[] random(Random random, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Everything that is kept from one step to the next. */
  private static Map<String, float[]> state(FedOptimizer fed, Optimizer optimizer) {
    Map<String, float[]> state = new LinkedHashMap<>();
    for (Weight weight : TRAINED) {
      state.put(weight.name(), fed.session.value(weight));
      optimizer.state(weight).forEach(kept -> state.put(kept.name(), fed.session.value(kept)));
    }
    return state;
  }

  private static void assertSame(Map<String, float[]> found, Map<String, float[]> expected) {
    assertThat(found.keySet()).isEqualTo(expected.keySet());
    found.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
  }

  private static StepOutcome step(FedOptimizer fed, int step) {
    Random random = new Random(step);
    return fed.step(new UpdateRate(step, 0.1), 3, 2, random(random, 15), random(random, 7));
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void nothingChangesWhereAGradientIsNotFinite(Optimizer optimizer) {
    try (FedOptimizer skipping = open(optimizer, false, true);
        FedOptimizer plain = open(optimizer, false, false)) {
      for (int i = 1; i <= 2; i++) {
        assertThat(step(skipping, i)).isEqualTo(step(plain, i));
      }
      assertSame(state(skipping, optimizer), state(plain, optimizer));

      for (float bad : new float[] {Float.POSITIVE_INFINITY, Float.NaN}) {
        float[] gradient = random(new Random(1), 7);
        gradient[3] = bad;
        StepOutcome outcome =
            skipping.step(new UpdateRate(3, 0.1), 3, 2, random(new Random(2), 15), gradient);
        assertThat(outcome.gradNorm()).isNotFinite();
        assertThat(outcome.loss()).isEqualTo(1.5);
        assertSame(state(skipping, optimizer), state(plain, optimizer));
      }

      assertThat(step(skipping, 3)).isEqualTo(step(plain, 3));
      assertSame(state(skipping, optimizer), state(plain, optimizer));
    }
  }

  /** XLA may round otherwise than single operations do, so that it is compared with itself. */
  @ParameterizedTest
  @MethodSource("optimizers")
  void nothingChangesInOneProgramEither(Optimizer optimizer) {
    try (FedOptimizer skipping = open(optimizer, true, true)) {
      Map<String, float[]> start = state(skipping, optimizer);
      step(skipping, 1);
      Map<String, float[]> before = state(skipping, optimizer);
      assertThat(before.get("v")).isNotEqualTo(start.get("v"));

      float[] gradient = random(new Random(1), 7);
      gradient[3] = Float.NaN;
      StepOutcome outcome =
          skipping.step(new UpdateRate(2, 0.1), 3, 2, random(new Random(2), 15), gradient);

      assertThat(outcome.gradNorm()).isNaN();
      assertSame(state(skipping, optimizer), before);
    }
  }
}
