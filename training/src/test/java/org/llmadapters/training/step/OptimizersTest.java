package org.llmadapters.training.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

/** Updates on gradients that are fed, against the formulas in double precision. */
final class OptimizersTest {
  private static final int STEPS = 7;
  private static final Weight MATRIX = new Weight("w", WeightDtype.FLOAT32, List.of(5L, 3L));
  private static final Weight VECTOR = new Weight("v", WeightDtype.FLOAT32, List.of(7L));
  private static final Weight SCALAR = new Weight("s", WeightDtype.FLOAT32, List.of());
  private static final List<Weight> TRAINED = List.of(MATRIX, VECTOR, SCALAR);

  /** One step of one variable as the paper or PyTorch writes it, on row-major values. */
  interface Reference {
    void step(int step, double lr, double decay, double[] w, double[] g, int columns);
  }

  record Case(String name, Optimizer optimizer, Class<? extends Reference> reference) {
    @Override
    public String toString() {
      return name;
    }
  }

  static final class AdamReference implements Reference {
    private double[] m = new double[0];
    private double[] v = new double[0];

    @Override
    public void step(int step, double lr, double decay, double[] w, double[] g, int columns) {
      m = step == 1 ? new double[w.length] : m;
      v = step == 1 ? new double[w.length] : v;
      for (int i = 0; i < w.length; i++) {
        double gradient = g[i] + decay * w[i];
        m[i] = 0.8 * m[i] + 0.2 * gradient;
        v[i] = 0.95 * v[i] + 0.05 * gradient * gradient;
        double meanHat = m[i] / (1 - Math.pow(0.8, step));
        double squareHat = v[i] / (1 - Math.pow(0.95, step));
        w[i] -= lr * meanHat / (Math.sqrt(squareHat) + 1e-3);
      }
    }
  }

  static final class AdamWReference implements Reference {
    private final AdamReference adam = new AdamReference();

    @Override
    public void step(int step, double lr, double decay, double[] w, double[] g, int columns) {
      for (int i = 0; i < w.length; i++) {
        w[i] *= 1 - lr * decay;
      }
      adam.step(step, lr, 0, w, g, columns);
    }
  }

  static final class SgdReference implements Reference {
    @Override
    public void step(int step, double lr, double decay, double[] w, double[] g, int columns) {
      for (int i = 0; i < w.length; i++) {
        w[i] -= lr * (g[i] + decay * w[i]);
      }
    }
  }

  static class MomentumReference implements Reference {
    private double[] buffer = new double[0];

    double direction(double gradient, double buffered) {
      return buffered;
    }

    @Override
    public void step(int step, double lr, double decay, double[] w, double[] g, int columns) {
      boolean first = step == 1;
      buffer = first ? new double[w.length] : buffer;
      for (int i = 0; i < w.length; i++) {
        double gradient = g[i] + decay * w[i];
        buffer[i] = first ? gradient : 0.9 * buffer[i] + gradient;
        w[i] -= lr * direction(gradient, buffer[i]);
      }
    }
  }

  static final class NesterovReference extends MomentumReference {
    @Override
    double direction(double gradient, double buffered) {
      return gradient + 0.9 * buffered;
    }
  }

  static final class LionReference implements Reference {
    private double[] m = new double[0];

    @Override
    public void step(int step, double lr, double decay, double[] w, double[] g, int columns) {
      m = step == 1 ? new double[w.length] : m;
      for (int i = 0; i < w.length; i++) {
        double direction = Math.signum(0.9 * m[i] + (1 - 0.9) * g[i]);
        w[i] -= lr * (direction + decay * w[i]);
        m[i] = 0.99 * m[i] + (1 - 0.99) * g[i];
      }
    }
  }

  static final class AdafactorReference implements Reference {
    private double[] r = new double[0];
    private double[] c = new double[0];

    @Override
    public void step(int step, double lr, double decay, double[] w, double[] g, int columns) {
      double beta = 1 - Math.pow(step, -0.8);
      int rows = columns == 0 ? 0 : w.length / columns;
      double[] u = new double[w.length];
      if (rows == 0) {
        r = step == 1 ? new double[w.length] : r;
        for (int i = 0; i < w.length; i++) {
          r[i] = beta * r[i] + (1 - beta) * (g[i] * g[i] + 1e-30);
          u[i] = g[i] / Math.sqrt(r[i]);
        }
      } else {
        r = step == 1 ? new double[rows] : r;
        c = step == 1 ? new double[columns] : c;
        double[] rowMeans = new double[rows];
        double[] columnMeans = new double[columns];
        for (int i = 0; i < w.length; i++) {
          double square = g[i] * g[i] + 1e-30;
          rowMeans[i / columns] += square / columns;
          columnMeans[i % columns] += square / rows;
        }
        double rowSum = 0;
        for (int i = 0; i < rows; i++) {
          r[i] = beta * r[i] + (1 - beta) * rowMeans[i];
          rowSum += r[i];
        }
        for (int i = 0; i < columns; i++) {
          c[i] = beta * c[i] + (1 - beta) * columnMeans[i];
        }
        for (int i = 0; i < w.length; i++) {
          u[i] = g[i] / Math.sqrt(r[i / columns] * c[i % columns] / (rowSum / rows));
        }
      }
      double squares = 0;
      for (double value : u) {
        squares += value * value;
      }
      double rms = Math.sqrt(squares / u.length);
      for (int i = 0; i < w.length; i++) {
        w[i] -= lr * decay * w[i];
        w[i] -= lr * u[i] / Math.max(1, rms);
      }
    }
  }

  static Stream<Case> cases() {
    return Stream.of(
        new Case("adam", new Adam(0.8, 0.95, 1e-3), AdamReference.class),
        new Case("adamw", new AdamW(0.8, 0.95, 1e-3), AdamWReference.class),
        new Case("sgd", new Sgd(0, false), SgdReference.class),
        new Case("sgd momentum", new Sgd(0.9, false), MomentumReference.class),
        new Case("sgd nesterov", new Sgd(0.9, true), NesterovReference.class),
        new Case("lion", Lion.defaults(), LionReference.class),
        new Case("adafactor", new Adafactor(), AdafactorReference.class));
  }

  /**
   * A matrix, a vector and a single number over 7 steps, with and without decay. Values stay below
   * 4 and float32 holds them to 2.4e-7; each step rounds a few times.
   */
  @ParameterizedTest
  @MethodSource("cases")
  void stepsAreThoseOfTheFormula(Case optimizer) throws ReflectiveOperationException {
    requireFormula(optimizer, false);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void stepsOfOneProgramAreThoseOfTheFormula(Case optimizer) throws ReflectiveOperationException {
    requireFormula(optimizer, true);
  }

  private static void requireFormula(Case optimizer, boolean oneProgram)
      throws ReflectiveOperationException {
    for (double decay : new double[] {0, 0.3}) {
      Random random = new Random(5);
      List<Reference> references = new ArrayList<>();
      List<double[]> expected = new ArrayList<>();
      try (FedOptimizer fed =
          new FedOptimizer(
              new OptimizerConfig(optimizer.optimizer(), decay, 0, LearningRates.EQUAL),
              TRAINED,
              oneProgram)) {
        for (Weight weight : TRAINED) {
          var constructor = optimizer.reference().getDeclaredConstructor();
          references.add(constructor.newInstance());
          float[] start = gaussian(weight, 1, random);
          expected.add(doubles(start));
          fed.session.assign(Map.of(weight.name(), start));
        }
        for (int step = 1; step <= STEPS; step++) {
          double lr = 0.1 / step;
          // Sizes differ from step to step, so that clipping and means have something to do.
          float[][] gradients = new float[TRAINED.size()][];
          for (int i = 0; i < gradients.length; i++) {
            gradients[i] = gaussian(TRAINED.get(i), step % 3 == 0 ? 3 : 0.2, random);
          }
          fed.step(new UpdateRate(step, lr), 0, 1, gradients);
          for (int i = 0; i < gradients.length; i++) {
            Weight weight = TRAINED.get(i);
            double[] values = expected.get(i);
            int columns = weight.equals(MATRIX) ? 3 : 0;
            references.get(i).step(step, lr, decay, values, doubles(gradients[i]), columns);
            assertThat(doubles(fed.session.value(weight)))
                .as("%s after step %d, decay %s", weight.name(), step, decay)
                .containsExactly(values, within(2e-6));
          }
        }
      }
    }
  }

  /** Rows without gradients must not become NaN, nor those of a whole matrix. */
  @ParameterizedTest
  @MethodSource("cases")
  void aGradientOfZeroMovesNothing(Case optimizer) {
    try (FedOptimizer fed =
        new FedOptimizer(
            new OptimizerConfig(optimizer.optimizer(), 0, 1, LearningRates.EQUAL), TRAINED)) {
      Random random = new Random(6);
      Map<String, float[]> start = new HashMap<>();
      TRAINED.forEach(weight -> start.put(weight.name(), gaussian(weight, 1, random)));
      fed.session.assign(start);
      fed.step(new UpdateRate(1, 0.1), 0, 1, new float[15], new float[7], new float[1]);
      for (Weight weight : TRAINED) {
        assertThat(fed.session.value(weight)).containsExactly(start.get(weight.name()));
      }
    }
  }

  /** The point of Adafactor. */
  @Test
  void adafactorRemembersRowsAndColumnsOfAMatrix() {
    assertThat(new Adafactor().state(MATRIX).stream().map(Weight::shape))
        .containsExactly(List.of(5L), List.of(3L));
    assertThat(new Adafactor().state(VECTOR).stream().map(Weight::shape))
        .containsExactly(List.of(7L));
    assertThat(new Sgd(0, false).state(MATRIX)).isEmpty();
    assertThat(Lion.defaults().state(MATRIX)).hasSize(1);
  }

  @Test
  void defaultsAreThoseOfPyTorchAndThePaper() {
    assertThat(Adam.defaults()).isEqualTo(new Adam(0.9, 0.999, 1e-8));
    assertThat(AdamW.defaults()).isEqualTo(new AdamW(0.9, 0.999, 1e-8));
    assertThat(Lion.defaults()).isEqualTo(new Lion(0.9, 0.99));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1   | 0.9 | 1e-8 | betas must be in [0, 1), got 1.0 and 0.9",
        "0.9 | -1  | 1e-8 | betas must be in [0, 1), got 0.9 and -1.0",
        "0.9 | 0.9 | 0    | eps must be in (0, 1), got 0.0"
      })
  void rejectsBetasAndEpsOutOfRange(double beta1, double beta2, double eps, String message) {
    assertThatThrownBy(() -> new AdamW(beta1, beta2, eps)).hasMessage(message);
    assertThatThrownBy(() -> new Adam(beta1, beta2, eps))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    if (eps > 0) {
      assertThatThrownBy(() -> new Lion(beta1, beta2)).hasMessage(message);
    }
  }

  @Test
  void rejectsMomentumOutOfRange() {
    assertThatThrownBy(() -> new Sgd(1, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("momentum must be in [0, 1), got 1.0");
    assertThatThrownBy(() -> new Sgd(0, true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("nesterov needs a momentum > 0, got 0.0; give --momentum, e.g. 0.9");
  }

  private static float[] gaussian(Weight weight, double size, Random random) {
    float[] values = new float[(int) weight.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (size * random.nextGaussian());
    }
    return values;
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }
}
