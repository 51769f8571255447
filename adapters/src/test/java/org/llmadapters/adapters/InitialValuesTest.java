package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.llmadapters.adapters.Matrices.flat;
import static org.llmadapters.adapters.Matrices.matrix;
import static org.llmadapters.adapters.Matrices.minus;
import static org.llmadapters.adapters.Matrices.norm;
import static org.llmadapters.adapters.Matrices.plus;
import static org.llmadapters.adapters.Matrices.product;
import static org.llmadapters.adapters.Matrices.singularValues;
import static org.llmadapters.adapters.Matrices.transposed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.AdapterParameter.Initializer.Factor;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/** The factors that a layer with 7 inputs and 9 outputs starts with. */
final class InitialValuesTest {
  private static final int IN = 7;
  private static final int OUT = 9;
  private static final double SCALING = 1.5;

  /** The weight has a norm above 10, which float32 rounds to 1e-6, here some tens of times. */
  private static final double TOLERANCE = 5e-5;

  private final ModelSession session = new ModelSession(SessionOptions.oneReplica());

  /** [out, in], no two of whose singular values are close. */
  private final double[][] weight = fallingSpectrum();

  @AfterEach
  void close() {
    session.close();
  }

  /** A sum of seven random outer products, of which each is larger than the one before. */
  private static double[][] fallingSpectrum() {
    Random random = new Random(3);
    double[][] weight = new double[OUT][IN];
    for (int k = 1; k <= IN; k++) {
      double[] left = random.doubles(OUT, -1, 1).toArray();
      double[] right = random.doubles(IN, -1, 1).toArray();
      for (int i = 0; i < OUT; i++) {
        for (int j = 0; j < IN; j++) {
          weight[i][j] = (float) (weight[i][j] + k * k * left[i] * right[j] / 10);
        }
      }
    }
    return weight;
  }

  /** What an adapter started with, and what is left of the weight. */
  private static final class Started {
    final double[][] a;
    final double[][] b;
    final double[][] rest;
    final Map<String, float[]> taken;

    Started(double[][] a, double[][] b, double[][] rest, Map<String, float[]> taken) {
      this.a = a;
      this.b = b;
      this.rest = rest;
      this.taken = taken;
    }
  }

  private static AdaptedGraph adapted(String init, int r, WeightLayout layout, WeightDtype dtype) {
    Weight stored =
        new Weight(
            "m.weight",
            dtype,
            layout == WeightLayout.OUT_IN
                ? List.of((long) OUT, (long) IN)
                : List.of((long) IN, (long) OUT));
    LoraInit parsed = LoraInit.of(init);
    LoraFactors factors = new LoraFactors(parsed, stored, layout, r, SCALING);
    return new AdaptedGraph(
        GraphDef.getDefaultInstance(),
        "default",
        new LoraConfig(
            r,
            SCALING * r,
            false,
            0,
            TargetModules.of("m"),
            LoraPatterns.NONE,
            new LoraVariant(false, parsed, TrainedBias.NONE)),
        List.of("m"),
        List.of(
            new AdapterParameter(
                "m.lora_A.weight",
                List.of((long) r, (long) IN),
                new Factor(factors, Factor.Side.A)),
            new AdapterParameter(
                "m.lora_B.weight",
                List.of((long) OUT, (long) r),
                new Factor(factors, Factor.Side.B))),
        Map.of());
  }

  private Started start(String init, int r, WeightLayout layout, WeightDtype dtype) {
    AdaptedGraph adapted = adapted(init, r, layout, dtype);
    Factor factor = (Factor) adapted.parameters().get(0).initializer();
    Weight stored = factor.factors().weight();
    session.declare(List.of(stored));
    session.declare(adapted.variables());
    boolean outIn = layout == WeightLayout.OUT_IN;
    session.assign(Map.of("m.weight", flat(outIn ? weight : transposed(weight))));
    InitialValues.check(adapted);
    Map<String, float[]> taken = InitialValues.assign(session, adapted, 5);
    double[][] rest = matrix(value(stored), outIn ? IN : OUT);
    return new Started(
        matrix(session.value(adapted.variables().get(0)), IN),
        matrix(session.value(adapted.variables().get(1)), r),
        outIn ? rest : transposed(rest),
        taken);
  }

  @ParameterizedTest
  @CsvSource({
    "OUT_IN, 1",
    "OUT_IN, 3",
    "OUT_IN, 7",
    "IN_OUT, 3",
  })
  void pissaIsTheBestApproximationOfItsRank(WeightLayout layout, int r) {
    Started start = start("pissa", r, layout, WeightDtype.FLOAT32);
    assertThat(norm(minus(weight, scaled(product(start.b, start.a)))))
        .isCloseTo(smallest(r), within(TOLERANCE));
    // Both factors have the same part of each singular value, and A's rows are orthogonal.
    double[] singular = singularValues(weight);
    double[][] gramA = product(start.a, transposed(start.a));
    double[][] gramB = product(transposed(start.b), start.b);
    for (int i = 0; i < r; i++) {
      for (int j = 0; j < r; j++) {
        double expected = i == j ? singular[i] / SCALING : 0;
        assertThat(gramA[i][j]).isCloseTo(expected, within(TOLERANCE));
        assertThat(gramB[i][j]).isCloseTo(expected, within(TOLERANCE));
      }
    }
  }

  /** Of a spectrum that falls as fast as this one, eight iterations show all but 1e-3. */
  @ParameterizedTest
  @EnumSource(WeightLayout.class)
  void pissaWithPowerIterationsComesCloseToTheBest(WeightLayout layout) {
    Started start = start("pissa_niter_8", 3, layout, WeightDtype.FLOAT32);
    double rest = norm(minus(weight, scaled(product(start.b, start.a))));
    assertThat(rest / smallest(3)).isBetween(1 - 1e-6, 1 + 1e-3);
  }

  @Test
  void powerIterationsImproveWhatASubspaceShows() {
    Started none = start("pissa_niter_0", 2, WeightLayout.OUT_IN, WeightDtype.FLOAT32);
    double rest = norm(minus(weight, scaled(product(none.b, none.a))));
    assertThat(rest / smallest(2)).isGreaterThan(1.01);
  }

  @ParameterizedTest
  @EnumSource(WeightLayout.class)
  void oloraHasOrthonormalColumnsThatSpanTheFirstOfTheWeight(WeightLayout layout) {
    int r = 3;
    Started start = start("olora", r, layout, WeightDtype.FLOAT32);
    double[][] gram = product(transposed(start.b), start.b);
    double[][] approximation = product(start.b, start.a);
    for (int i = 0; i < r; i++) {
      for (int j = 0; j < r; j++) {
        assertThat(gram[i][j]).isCloseTo(i == j ? 1 : 0, within(1e-6));
        if (j < i) {
          assertThat(start.a[i][j]).isCloseTo(0, within(1e-6));
        }
      }
      for (int row = 0; row < OUT; row++) {
        assertThat(approximation[row][i]).isCloseTo(weight[row][i], within(TOLERANCE));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "pissa, OUT_IN",
    "pissa, IN_OUT",
    "pissa_niter_2, IN_OUT",
    "olora, OUT_IN",
    "olora, IN_OUT"
  })
  void theBaseKeepsWhatIsNotTaken(String init, WeightLayout layout) {
    Started start = start(init, 3, layout, WeightDtype.FLOAT32);
    double[][] together = plus(start.rest, scaled(product(start.b, start.a)));
    assertThat(norm(minus(weight, together))).isLessThan(TOLERANCE);
    assertThat(norm(minus(weight, start.rest))).isGreaterThan(1);
    assertThat(start.taken).containsOnlyKeys("m.lora_A.weight", "m.lora_B.weight");
    assertThat(start.taken.get("m.lora_A.weight")).isEqualTo(flat(start.a));
    assertThat(start.taken.get("m.lora_B.weight")).isEqualTo(flat(start.b));
  }

  /** Half a unit in the last of 8 bits, of the rounded weight and of what is left of it. */
  @ParameterizedTest
  @CsvSource({"pissa", "olora"})
  void aNarrowBaseIsRoundedOnce(String init) {
    Started start = start(init, 3, WeightLayout.OUT_IN, WeightDtype.BFLOAT16);
    double[][] taken = scaled(product(start.b, start.a));
    for (int i = 0; i < OUT; i++) {
      for (int j = 0; j < IN; j++) {
        float narrow = bfloat16((float) weight[i][j]);
        double exact = narrow - taken[i][j];
        assertThat(start.rest[i][j]).isCloseTo(exact, within(Math.abs(exact) / 256 + 1e-5));
      }
    }
  }

  private static float bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounding = 0x7fff + ((bits >>> 16) & 1);
    return Float.intBitsToFloat((bits + rounding) & 0xffff0000);
  }

  @Test
  void orthogonalFactorsCancelAndLeaveTheBase() {
    Started start = start("orthogonal", 4, WeightLayout.IN_OUT, WeightDtype.FLOAT32);
    assertThat(norm(product(start.b, start.a))).isLessThan(1e-6);
    assertThat(norm(start.a)).isGreaterThan(0.1);
    assertThat(norm(start.b)).isGreaterThan(0.1);
    assertThat(norm(minus(start.rest, weight))).isZero();
    assertThat(start.taken).isEmpty();
  }

  /** {@code |A|^2} is that of {@code X} [in, r/2] over 100, normal with deviation 1. */
  @Test
  void orthogonalFactorsHaveATenthOfTheDeviation() {
    List<Double> squares = new ArrayList<>();
    Started start = start("orthogonal", 6, WeightLayout.OUT_IN, WeightDtype.FLOAT32);
    for (double[] row : start.a) {
      Arrays.stream(row).forEach(value -> squares.add(value * value));
    }
    double sum = squares.stream().mapToDouble(Double::doubleValue).sum();
    // 21 squares have a mean of 1 and a deviation of sqrt(2 / 21) = 0.31; the seed is fixed.
    assertThat(100 * sum / (IN * 3)).isBetween(0.4, 1.6);
  }

  @Test
  void gaussianHasADeviationOfOneOverTheRank() {
    int r = 4;
    long in = 4000;
    AdaptedGraph adapted =
        new AdaptedGraph(
            GraphDef.getDefaultInstance(),
            "default",
            new LoraConfig(r, 1, 0, TargetModules.of("m")),
            List.of("m"),
            List.of(
                new AdapterParameter(
                    "m.lora_A.weight", List.of((long) r, in), new Initializer.Normal(1.0 / r))),
            Map.of());
    session.declare(adapted.variables());
    assertThat(InitialValues.assign(session, adapted, 5)).isEmpty();
    double squares = 0;
    for (float value : session.value(adapted.variables().get(0))) {
      squares += value * value;
    }
    // 16000 squares: their mean is known to 1.1 %; the seed is fixed.
    assertThat(squares / (r * in)).isCloseTo(1.0 / (r * r), within(0.03 / (r * r)));
  }

  @ParameterizedTest
  @CsvSource({"pissa", "pissa_niter_2", "olora", "orthogonal"})
  void theSameSeedGivesTheSameBits(String init) {
    Started first = start(init, 2, WeightLayout.OUT_IN, WeightDtype.FLOAT32);
    try (ModelSession other = new ModelSession(SessionOptions.oneReplica())) {
      AdaptedGraph adapted = adapted(init, 2, WeightLayout.OUT_IN, WeightDtype.FLOAT32);
      Factor factor = (Factor) adapted.parameters().get(0).initializer();
      other.declare(List.of(factor.factors().weight()));
      other.declare(adapted.variables());
      other.assign(Map.of("m.weight", flat(weight)));
      InitialValues.assign(other, adapted, 5);
      assertThat(other.value(adapted.variables().get(0))).isEqualTo(flat(first.a));
      assertThat(other.value(adapted.variables().get(1))).isEqualTo(flat(first.b));
    }
  }

  /** Of different inits and seeds, in ranks that there are not, at a weight of another module. */
  @Test
  void refusesAllThatDoesNotFitAtOnce() {
    LoraInit pissa = LoraInit.of("pissa");
    Weight tied = new Weight("embed.weight", WeightDtype.FLOAT32, List.of(9L, 7L));
    Weight narrow = new Weight("n.weight", WeightDtype.FLOAT32, List.of(9L, 3L));
    List<AdapterParameter> parameters = new ArrayList<>();
    List.of(
            new LoraFactors(pissa, tied, WeightLayout.OUT_IN, 8, 1),
            new LoraFactors(LoraInit.of("olora"), narrow, WeightLayout.OUT_IN, 4, 1),
            new LoraFactors(LoraInit.of("orthogonal"), narrow, WeightLayout.OUT_IN, 3, 1))
        .forEach(
            factors ->
                parameters.add(
                    new AdapterParameter(
                        (parameters.isEmpty() ? "lm_head" : "n") + ".lora_A.weight",
                        List.of((long) factors.r(), 7L),
                        new Factor(factors, Factor.Side.A))));
    AdaptedGraph adapted =
        new AdaptedGraph(
            GraphDef.getDefaultInstance(),
            "default",
            new LoraConfig(4, 1, 0, TargetModules.of("n", "lm_head")),
            List.of("lm_head", "n"),
            parameters,
            Map.of());
    assertThatThrownBy(() -> InitialValues.check(adapted))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "init_lora_weights does not fit the model:\n"
                + "  lm_head: pissa finds a rank of at most 7 there, got r = 8\n"
                + "  lm_head: pissa changes the weight, which is also embed.weight"
                + " (tie_word_embeddings); leave the module out\n"
                + "  n: olora finds a rank of at most 3 there, got r = 4\n"
                + "  n: orthogonal needs an even rank, got r = 3");
  }

  private float[] value(Weight variable) {
    Operand<TFloating> read = session.read(variable);
    try (Result result =
        session
            .session()
            .runner()
            .fetch(TensorTypes.cast(session.tf(), read, WeightDtype.FLOAT32))
            .run()) {
      float[] copy = new float[(int) variable.elements()];
      ((TFloat32) result.get(0)).copyTo(DataBuffers.of(copy, false, false));
      return copy;
    }
  }

  /** Frobenius norm of what no approximation of rank {@code r} has. */
  private double smallest(int r) {
    double[] singular = singularValues(weight);
    double sum = 0;
    for (int i = r; i < singular.length; i++) {
      sum += singular[i] * singular[i];
    }
    return Math.sqrt(sum);
  }

  private static double[][] scaled(double[][] matrix) {
    return Arrays.stream(matrix)
        .map(row -> Arrays.stream(row).map(value -> SCALING * value).toArray())
        .toArray(double[][]::new);
  }
}
