package org.llmadapters.training.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.optimizer.LearningRates;
import org.llmadapters.training.optimizer.OptimizerConfig;

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
            new FedOptimizer(
                new OptimizerConfig(
                    new AdamW(beta1, beta2, eps), weightDecay, 0, LearningRates.EQUAL),
                List.of(W))) {
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
    OptimizerConfig config =
        new OptimizerConfig(
            new AdamW(0, 0, 1e-8), 0, Double.parseDouble(maxGradNorm), LearningRates.EQUAL);
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
        assertThat(optimizer.session.value(AdamW.defaults().state(trained.get(i)).get(0)))
            .containsExactly(expected, within(1e-6f));
      }
    }
  }
}
