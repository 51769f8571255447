package org.llmadapters.training.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction.Computation;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.tensorflow.Session;

/** The step as one program that XLA compiles, against a compiled gradient and a single update. */
final class OneProgramTest {
  private static final int STEPS = 3;
  private static final StepShape SHAPE = new StepShape(2, 5);

  private static final ModelConfig CONFIG =
      Architecture.LLAMA
          .family()
          .config(
              new Sizes(17, 12, 20, 2, 64),
              new AttentionConfig(3, 1, 4),
              new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0)));

  /** A model with LoRA and dropout; the same values every time. */
  private static final class Model implements AutoCloseable {
    final ModelSession session = new ModelSession(SessionOptions.oneReplica());
    final Computation computation;

    Model() {
      BaseGraph base = Architecture.build(CONFIG, WeightDtype.FLOAT32);
      LoraConfig lora = new LoraConfig(3, 6, 0.3, TargetModules.of("q_proj", "down_proj"));
      AdaptedGraph adapted =
          Splicer.splice(base.graphDef(), lora, "default", Splicer.Mode.TRAINING);
      computation = new Computation(adapted.graphDef(), adapted.variables(), adapted.dropoutSeed());
      Random random = new Random(4);
      Map<String, float[]> values = new HashMap<>();
      for (List<Weight> weights : List.of(base.weights(), adapted.variables())) {
        session.declare(weights);
        for (Weight weight : weights) {
          float[] value = new float[Math.toIntExact(weight.elements())];
          for (int i = 0; i < value.length; i++) {
            value[i] = (float) (0.3 * random.nextGaussian());
          }
          values.put(weight.name(), value);
        }
      }
      session.assign(values);
    }

    List<float[]> trained() {
      List<float[]> values = new ArrayList<>();
      computation.trained().forEach(weight -> values.add(session.value(weight)));
      return values;
    }

    @Override
    public void close() {
      session.close();
    }
  }

  private static TokenBatch batch(int number) {
    Random random = new Random(number);
    int[][] ids = new int[SHAPE.batch()][];
    Arrays.setAll(ids, row -> random.ints(SHAPE.length(), 3, 17).toArray());
    int[][] mask = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
    int[][] labels = {ids[0], {-100, ids[1][1], ids[1][2], -100, -100}};
    return TokenBatch.of(ids, mask, labels, number);
  }

  /**
   * The gradients are the same program, and values and norms below 4 are held to 2.4e-7; Adam
   * divides by the root of a square, which makes a few roundings of a step of 0.01.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isTheStepOfSingleOperations(boolean accumulated) {
    OptimizerConfig optimizer = OptimizerConfig.defaults();
    try (Model one = new Model();
        Model other = new Model()) {
      TrainingStep step =
          new TrainingStep(one.session, one.computation, optimizer, new Execution(1, true));
      Beside beside = new Beside(other, optimizer);
      for (int number = 1; number <= STEPS; number++) {
        UpdateRate rate = new UpdateRate(number, 0.01);
        try (TokenBatch batch = batch(number)) {
          StepOutcome expected = beside.step(batch, rate);
          StepOutcome outcome;
          if (accumulated) {
            step.accumulate(batch);
            outcome = step.applyAccumulated(rate);
          } else {
            outcome = step.step(batch, rate);
          }
          assertThat(outcome.loss()).isCloseTo(expected.loss(), within(1e-6));
          assertThat(outcome.tokens()).isEqualTo(expected.tokens()).isEqualTo(6);
          assertThat(outcome.gradNorm()).isCloseTo(expected.gradNorm(), within(1e-6));
        }
      }
      List<float[]> values = one.trained();
      List<float[]> expected = other.trained();
      for (int i = 0; i < values.size(); i++) {
        assertThat(values.get(i)).containsExactly(expected.get(i), within(2e-6f));
      }
      try (Model start = new Model()) {
        assertThat(values.get(0)).isNotEqualTo(start.trained().get(0));
      }
      assertThat(step.shapes()).isEqualTo(1);
    }
  }

  /** A compiled gradient whose update is operations of the session. */
  private static final class Beside {
    private final Model model;
    private final OptimizerConfig optimizer;
    private final ReplicatedFunction gradients;
    private final StepCall update;

    Beside(Model model, OptimizerConfig optimizer) {
      this.model = model;
      this.optimizer = optimizer;
      ModelSession session = model.session;
      List<Weight> trained = model.computation.trained();
      session.declareZeros(
          trained.stream().flatMap(w -> optimizer.optimizer().state(w).stream()).toList());
      gradients =
          ReplicatedFunction.build(
              session, session, model.computation, new Execution(1, true), SHAPE, "beside");
      UpdateInputs rate = UpdateInputs.of(session.tf(), optimizer.optimizer());
      update =
          StepCall.of(
              gradients.inputs(),
              rate,
              new ClippedUpdate(session, trained, optimizer, rate, false).by(gradients.sums()));
    }

    StepOutcome step(TokenBatch batch, UpdateRate rate) {
      Session session = model.session.session();
      return update.update(session, batch, optimizer.optimizer(), rate);
    }
  }
}
