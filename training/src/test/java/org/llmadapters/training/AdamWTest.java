package org.llmadapters.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TFloat32;

/** The update alone, on gradients that are fed, against PyTorch: see {@code golden/README.md}. */
final class AdamWTest {
  private static final Weight W = new Weight("w", WeightDtype.FLOAT32, List.of(5L, 3L));

  private static SafetensorsFile golden() throws IOException {
    try {
      return SafetensorsFile.open(
          Path.of(
              Objects.requireNonNull(AdamWTest.class.getResource("/golden/optimizer.safetensors"))
                  .toURI()));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** An optimizer in a session, whose sums are fed by the test. */
  private static final class FedOptimizer implements AutoCloseable {
    final ModelSession session = new ModelSession(new SessionOptions(1));
    final List<Weight> trained;
    final AdamW adamW;
    final AdamW.Update update;
    private final Placeholder<TFloat32> loss = placeholder("loss");
    private final Placeholder<TFloat32> tokens = placeholder("tokens");
    private final List<Placeholder<TFloat32>> gradients = new ArrayList<>();

    FedOptimizer(OptimizerConfig config, List<Weight> trained) {
      this.trained = trained;
      session.declare(trained);
      for (Weight weight : trained) {
        gradients.add(placeholder("gradient_of_" + weight.name(), sizes(weight)));
      }
      adamW = new AdamW(session, trained, config);
      update =
          adamW.update(
              new GradientSums(
                  loss,
                  session.tf().identity(tokens), // what is fed cannot be fetched
                  List.<Operand<TFloat32>>copyOf(gradients)));
    }

    /** One update by sums over {@code tokenCount} tokens. */
    StepOutcome step(UpdateRate rate, float lossSum, float tokenCount, float[]... sums) {
      List<Tensor> fed = new ArrayList<>();
      try {
        fed.add(TFloat32.scalarOf(lossSum));
        fed.add(TFloat32.scalarOf(tokenCount));
        Session.Runner runner =
            session.session().runner().feed(loss, fed.get(0)).feed(tokens, fed.get(1));
        for (int i = 0; i < sums.length; i++) {
          Tensor tensor =
              TFloat32.tensorOf(Shape.of(sizes(trained.get(i))), DataBuffers.of(sums[i]));
          fed.add(tensor);
          runner.feed(gradients.get(i), tensor);
        }
        return adamW.run(runner, update, rate);
      } finally {
        fed.forEach(Tensor::close);
      }
    }

    private Placeholder<TFloat32> placeholder(String name, long... shape) {
      return session
          .tf()
          .withName(name)
          .placeholder(TFloat32.class, Placeholder.shape(Shape.of(shape)));
    }

    private static long[] sizes(Weight weight) {
      return weight.shape().stream().mapToLong(Long::longValue).toArray();
    }

    @Override
    public void close() {
      session.close();
    }
  }

  /** Float32 holds the values, up to 2.5, to 1e-7; 12 steps round a few times each. */
  @ParameterizedTest
  @CsvSource({
    "decay0, 3e-4, 0.9, 0.999, 1e-8, 0",
    "decay0.1, 1e-2, 0.9, 0.999, 1e-8, 0.1",
    "betas, 1e-2, 0.8, 0.95, 1e-6, 0.01"
  })
  void stepsAreThoseOfPyTorch(
      String name, double lr, double beta1, double beta2, double eps, double weightDecay)
      throws IOException {
    try (SafetensorsFile golden = golden();
        FedOptimizer optimizer =
            new FedOptimizer(new OptimizerConfig(beta1, beta2, eps, weightDecay, 0), List.of(W))) {
      optimizer.session.assign(Map.of("w", golden.readFloats("adamw.start")));
      float[] gradients = golden.readFloats("adamw.grads");
      float[] after = golden.readFloats("adamw." + name + ".after_each_step");
      for (int step = 0; step < 12; step++) {
        float[] gradient = Arrays.copyOfRange(gradients, step * 15, (step + 1) * 15);
        optimizer.step(new UpdateRate(step + 1, lr), 0, 1, gradient);
        float[] expected = Arrays.copyOfRange(after, step * 15, (step + 1) * 15);
        assertThat(optimizer.session.value(W))
            .as("step %d", step)
            .containsExactly(expected, within(2e-6f));
      }
    }
  }

  /**
   * With betas of 0 the first moment is the clipped gradient itself, so it shows the clipping
   * alone. The sums are three times the gradients, over three tokens.
   */
  @ParameterizedTest
  @CsvSource({"0.5", "100"})
  void clippingIsThatOfPyTorch(String maxGradNorm) throws IOException {
    List<Weight> trained =
        List.of(
            new Weight("a", WeightDtype.FLOAT32, List.of(4L, 3L)),
            new Weight("b", WeightDtype.FLOAT32, List.of(7L)),
            new Weight("c", WeightDtype.FLOAT32, List.of(2L, 2L)));
    OptimizerConfig config = new OptimizerConfig(0, 0, 1e-8, 0, Double.parseDouble(maxGradNorm));
    try (SafetensorsFile golden = golden();
        FedOptimizer optimizer = new FedOptimizer(config, trained)) {
      float[][] sums = new float[3][];
      for (int i = 0; i < 3; i++) {
        float[] gradient = golden.readFloats("clip.in." + i);
        sums[i] = new float[gradient.length];
        for (int j = 0; j < gradient.length; j++) {
          sums[i][j] = 3 * gradient[j];
        }
        optimizer.session.assign(Map.of(trained.get(i).name(), new float[gradient.length]));
      }
      StepOutcome outcome = optimizer.step(new UpdateRate(1, 1e-3), 6, 3, sums);
      assertThat(outcome.loss()).isEqualTo(2);
      assertThat(outcome.tokens()).isEqualTo(3);
      float norm = golden.readFloats("clip.norm")[0];
      assertThat(outcome.gradNorm()).isCloseTo(norm, within(1e-6 * norm));
      for (int i = 0; i < 3; i++) {
        float[] expected = golden.readFloats("clip." + maxGradNorm + ".out." + i);
        assertThat(optimizer.session.value(AdamW.firstMoment(trained.get(i))))
            .containsExactly(expected, within(1e-6f));
      }
    }
  }

  @Test
  void aBatchWithoutCountedTokensChangesNothing() {
    try (FedOptimizer optimizer =
        new FedOptimizer(new OptimizerConfig(0.9, 0.999, 1e-8, 0, 1), List.of(W))) {
      float[] start = new float[15];
      Arrays.fill(start, 0.5f);
      optimizer.session.assign(Map.of("w", start));
      StepOutcome outcome = optimizer.step(new UpdateRate(1, 1e-3), 0, 0, new float[15]);
      assertThat(outcome).isEqualTo(new StepOutcome(0, 0, 0));
      assertThat(optimizer.session.value(W)).containsExactly(start);
    }
  }

  @Test
  void defaultsAreThoseOfTheTrainer() {
    assertThat(OptimizerConfig.defaults()).isEqualTo(new OptimizerConfig(0.9, 0.999, 1e-8, 0, 1));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1   | 0.9 | 1e-8 | 0  | 1   | betas must be in [0, 1), got 1.0 and 0.9",
        "0.9 | -1  | 1e-8 | 0  | 1   | betas must be in [0, 1), got 0.9 and -1.0",
        "0.9 | 0.9 | 0    | 0  | 1   | eps must be in (0, 1), got 0.0",
        "0.9 | 0.9 | 1e-8 | 1  | 1   | weight_decay must be in [0, 1), got 1.0",
        "0.9 | 0.9 | 1e-8 | 0  | -1  | max_grad_norm must be in [0, 1e9), got -1.0",
        "0.9 | 0.9 | 1e-8 | 0  | NaN | max_grad_norm must be in [0, 1e9), got NaN"
      })
  void rejectsValuesOutOfRange(
      double beta1,
      double beta2,
      double eps,
      double weightDecay,
      double maxGradNorm,
      String message) {
    assertThatThrownBy(() -> new OptimizerConfig(beta1, beta2, eps, weightDecay, maxGradNorm))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void rejectsStepsThatCountFromZero() {
    assertThatThrownBy(() -> new UpdateRate(0, 1e-3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("optimizer steps count from 1, got 0");
  }

  /** Adam's first step is the learning rate, whatever the gradient. */
  @Test
  void loraBAndVectorsLearnAtTheirRatio() {
    List<Weight> trained =
        List.of(
            new Weight("adapters.a.m.lora_A.weight", WeightDtype.FLOAT32, List.of(2L, 3L)),
            new Weight("adapters.a.m.lora_B.weight", WeightDtype.FLOAT32, List.of(3L, 2L)),
            new Weight("adapters.a.m.lora_magnitude_vector", WeightDtype.FLOAT32, List.of(6L)));
    OptimizerConfig config =
        new OptimizerConfig(0.9, 0.999, 1e-8, 0, 0, new FactorRates(16, false));
    try (FedOptimizer optimizer = new FedOptimizer(config, trained)) {
      float[] gradient = {1, -2, 3, -4, 5, -6};
      trained.forEach(weight -> optimizer.session.assign(Map.of(weight.name(), new float[6])));
      optimizer.step(new UpdateRate(1, 1e-3), 0, 1, gradient, gradient, gradient);
      float[] a = optimizer.session.value(trained.get(0));
      assertThat(a)
          .containsExactly(
              new float[] {-1e-3f, 1e-3f, -1e-3f, 1e-3f, -1e-3f, 1e-3f}, within(1e-8f));
      for (int i = 1; i < 3; i++) {
        float[] other = optimizer.session.value(trained.get(i));
        for (int j = 0; j < 6; j++) {
          assertThat(other[j] / a[j]).isCloseTo(16f, within(1e-5f));
        }
      }
    }
  }

  /** The decay of a step is 4 * 0.25 * 0.5 of the value. */
  @Test
  void weightsDecayAtTheirOwnRate() {
    Weight b = new Weight("adapters.a.m.lora_B.weight", WeightDtype.FLOAT32, List.of(1L, 1L));
    OptimizerConfig config =
        new OptimizerConfig(0.9, 0.999, 1e-8, 0.5, 0, new FactorRates(4, false));
    try (FedOptimizer optimizer = new FedOptimizer(config, List.of(b))) {
      optimizer.session.assign(Map.of(b.name(), new float[] {8}));
      optimizer.step(new UpdateRate(1, 0.25), 0, 1, new float[1]);
      assertThat(optimizer.session.value(b)).containsExactly(4f);
    }
  }
}
