package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TType;

final class NextTokenTest {
  /** Rounding of float32 in an exponential and a sum of 11. */
  private static final double TOLERANCE = 1e-6;

  private static final float[][] LOGITS = {
    {0.5f, 2, -1, 2, 0, 3.5f, -2.5f, 2, 1, -7, 0.25f},
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {-30, -29, -28, 40, -29, -28, -27, -26, -25, -24, -23},
  };

  private static SamplingConfig sampling(double temperature, int topK, double topP) {
    return new SamplingConfig(true, temperature, topK, topP, 1);
  }

  /** Makes nodes and gives the value of the last. */
  private interface Nodes {
    Operand<? extends TType> make(Ops tf);
  }

  private static <T> T value(Nodes nodes, Function<Result, T> read) {
    try (Graph graph = TensorFlowRuntime.newGraph();
        Session session = new Session(graph)) {
      Operand<?> node = nodes.make(Ops.create(graph));
      try (Result result = session.runner().fetch(node).run()) {
        return read.apply(result);
      }
    }
  }

  /** The same compiled by XLA. */
  private static <T> T compiled(Nodes nodes, Function<Result, T> read) {
    try (Graph body = TensorFlowRuntime.newGraph();
        GraphFunction function =
            GraphFunction.of("nodes", List.of(), List.of(nodes.make(Ops.create(body))), body)) {
      return value(tf -> function.call(tf, "call", List.of(), true).get(0), read);
    }
  }

  private static float[][] probabilities(float[][] logits, SamplingConfig sampling) {
    return value(
        tf -> NextToken.probabilities(tf, tf.constant(logits), sampling),
        result -> StdArrays.array2dCopyOf((TFloat32) result.get(0)));
  }

  /** The definition in double precision: a list of candidates that gets shorter. */
  static double[] reference(float[] logits, SamplingConfig sampling) {
    List<Integer> candidates =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(Comparator.comparing(id -> -logits[id])) // stable: equal ones by id
            .toList();
    if (sampling.topK() > 0 && sampling.topK() < logits.length) {
      float smallest = logits[candidates.get(sampling.topK() - 1)];
      candidates = candidates.stream().filter(id -> logits[id] >= smallest).toList();
    }
    double[] weights = new double[logits.length];
    double total = 0;
    for (int id : candidates) {
      weights[id] = Math.exp((logits[id] - logits[candidates.get(0)]) / sampling.temperature());
      total += weights[id];
    }
    double before = 0;
    double[] kept = new double[logits.length];
    for (int id : candidates) {
      if (sampling.topP() == 1 || before / total < sampling.topP()) {
        kept[id] = weights[id];
      }
      before += weights[id];
    }
    double sum = Arrays.stream(kept).sum();
    return Arrays.stream(kept).map(weight -> weight / sum).toArray();
  }

  static Stream<SamplingConfig> samplings() {
    return Stream.of(
        sampling(1, 0, 1),
        sampling(0.5, 0, 1),
        sampling(3, 0, 1),
        sampling(1, 1, 1),
        sampling(1, 2, 1), // the second is one of three equal ones
        sampling(1, 5, 1),
        sampling(1, 11, 1),
        sampling(1, 50, 1),
        sampling(1, 0, 1e-7), // the likeliest alone
        sampling(1, 0, 1e-50),
        sampling(1, 0, 0.6),
        sampling(1, 0, 0.75),
        sampling(1, 0, 0.9999),
        sampling(0.1, 4, 0.75),
        sampling(1.7, 7, 0.8),
        sampling(1e-4, 3, 0.5),
        sampling(1e4, 3, 0.95));
  }

  @ParameterizedTest
  @MethodSource("samplings")
  void tokensHaveTheProbabilitiesOfTheDefinition(SamplingConfig sampling) {
    float[][] found = probabilities(LOGITS, sampling);
    for (int row = 0; row < LOGITS.length; row++) {
      double[] expected = reference(LOGITS[row], sampling);
      for (int id = 0; id < expected.length; id++) {
        assertThat((double) found[row][id])
            .as("token %d of row %d", id, row)
            .isCloseTo(expected[id], within(TOLERANCE));
        assertThat(found[row][id] > 0).isEqualTo((float) expected[id] > 0);
      }
    }
  }

  /** What transformers' logits processors give for four rows of 53 tokens, in float32. */
  @ParameterizedTest
  @CsvSource({
    "repetition_penalty_1.3, 1, 0, 1, 1.3",
    "temperature_0.1, 0.1, 0, 1, 1",
    "temperature_1.7, 1.7, 0, 1, 1",
    "top_k_5, 1, 5, 1, 1",
    "top_k_40, 1, 40, 1, 1",
    "top_p_0.2, 1, 0, 0.2, 1",
    "top_p_0.75, 1, 0, 0.75, 1",
    "temperature_0.1_top_k_40_top_p_0.75, 0.1, 40, 0.75, 1",
    "temperature_1.3_top_k_10_top_p_0.9, 1.3, 10, 0.9, 1"
  })
  void tokensHaveTheGoldenProbabilities(
      String name, double temperature, int topK, double topP, double penalty) throws IOException {
    float[][] logits = golden("logit");
    float[][] occurred = golden("occurred");
    int[][] sequences = new int[logits.length][];
    for (int row = 0; row < logits.length; row++) {
      float[] here = occurred[row];
      int[] ids = IntStream.range(0, here.length).filter(id -> here[id] == 1).toArray();
      // Rows need one length; a token may stand there twice.
      sequences[row] = IntStream.range(0, 12).map(i -> ids[i % ids.length]).toArray();
    }
    float[][] found =
        probabilities(penalised(logits, sequences, penalty), sampling(temperature, topK, topP));
    float[][] expected = golden(name);
    for (int row = 0; row < expected.length; row++) {
      for (int id = 0; id < expected[row].length; id++) {
        assertThat((double) found[row][id])
            .as("token %d of row %d", id, row)
            .isCloseTo(expected[row][id], within(TOLERANCE));
      }
    }
  }

  /** A column of the file as [row][token]. */
  private static float[][] golden(String name) throws IOException {
    try (InputStream file = NextTokenTest.class.getResourceAsStream("/golden/sampling.csv")) {
      String text = new String(Objects.requireNonNull(file).readAllBytes(), StandardCharsets.UTF_8);
      List<String[]> lines = text.lines().map(line -> line.split(",", -1)).toList();
      int column = List.of(lines.get(0)).indexOf(name);
      float[][] values = new float[4][53];
      for (String[] line : lines.subList(1, lines.size())) {
        values[Integer.parseInt(line[0])][Integer.parseInt(line[1])] =
            Float.parseFloat(line[column]);
      }
      return values;
    }
  }

  @Test
  void ofEqualTokensTopPKeepsThoseWithTheSmallerIds() {
    assertThat(probabilities(LOGITS, sampling(1, 0, 0.25))[1])
        .containsExactly(1 / 3f, 1 / 3f, 1 / 3f, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  @Test
  void xlaComputesTheSame() {
    SamplingConfig sampling = sampling(1.7, 7, 0.75);
    float[][] found =
        compiled(
            tf ->
                NextToken.probabilities(
                    tf,
                    NextToken.penalised(
                        tf,
                        tf.constant(LOGITS),
                        tf.constant(new int[][] {{5, 0}, {2, 2}, {3, 3}}),
                        2),
                    sampling),
            result -> StdArrays.array2dCopyOf((TFloat32) result.get(0)));
    float[][] penalised = penalised(LOGITS, new int[][] {{5, 0}, {2, 2}, {3, 3}}, 2);
    for (int row = 0; row < LOGITS.length; row++) {
      double[] expected = reference(penalised[row], sampling);
      for (int id = 0; id < expected.length; id++) {
        assertThat((double) found[row][id]).isCloseTo(expected[id], within(TOLERANCE));
      }
    }
  }

  private static float[][] penalised(float[][] scores, int[][] sequences, double penalty) {
    return value(
        tf -> NextToken.penalised(tf, tf.constant(scores), tf.constant(sequences), penalty),
        result -> StdArrays.array2dCopyOf((TFloat32) result.get(0)));
  }

  @Test
  void thePenaltyDividesPositiveScoresOnceAndMultipliesNegativeOnes() {
    float[][] scores = {{4, -4, 0, 1, -1}, {3, 6, 9, -3, -6}};
    assertThat(penalised(scores, new int[][] {{1, 0, 1}, {2, 2, 4}}, 2))
        .isDeepEqualTo(new float[][] {{2, -8, 0, 1, -1}, {3, 6, 4.5f, -3, -12}});
  }

  @Test
  void paddingIsReplacedByATokenOfTheRow() {
    int[][] ids = {{9, 9, 5, 7}, {4, 9, 6, 9}, {9, 9, 9, 9}};
    int[][] mask = {{0, 0, 1, 1}, {1, 0, 1, 0}, {0, 0, 0, 0}};
    assertThat(NextToken.withoutPadding(ids, mask))
        .isDeepEqualTo(new int[][] {{5, 5, 5, 7}, {4, 4, 6, 4}, {9, 9, 9, 9}});
  }

  private static int[] drawn(float[][] probabilities, float[] uniform) {
    return value(
        tf -> NextToken.drawn(tf, tf.constant(probabilities), tf.constant(uniform)),
        result -> StdArrays.array1dCopyOf((TInt32) result.get(0)));
  }

  @Test
  void drawsTheTokenWhoseShareTheNumberFallsIn() {
    float[] row = {0, 0.25f, 0, 0.5f, 0.25f, 0};
    float last = 1 - 0x1p-24f;
    float[] uniform = {0, 0.2499f, 0.25f, 0.7499f, 0.75f, last};
    float[][] rows = new float[uniform.length][];
    Arrays.fill(rows, row);
    assertThat(drawn(rows, uniform)).containsExactly(1, 1, 3, 3, 4, 4);
    // Shares count, not probabilities.
    Arrays.fill(rows, new float[] {0, 0.5f, 0, 1, 0.5f, 0});
    assertThat(drawn(rows, uniform)).containsExactly(1, 1, 3, 3, 4, 4);
  }

  /** The largest number in [0, 1) times a sum that is rounded must stay below the sum. */
  @Test
  void neverDrawsATokenWithoutProbability() {
    Random random = new Random(3);
    float[][] rows = new float[1000][23];
    for (float[] row : rows) {
      for (int id = 0; id < row.length; id++) {
        row[id] = random.nextInt(3) == 0 ? random.nextFloat() : 0;
      }
      row[random.nextInt(row.length)] = 1e-3f;
    }
    for (float uniform : new float[] {0, 1 - 0x1p-24f}) {
      float[] uniforms = new float[rows.length];
      Arrays.fill(uniforms, uniform);
      int[] drawn = drawn(rows, uniforms);
      for (int row = 0; row < rows.length; row++) {
        assertThat(rows[row][drawn[row]]).isPositive();
      }
    }
  }

  static Stream<Arguments> distributions() {
    return Stream.of(
        Arguments.of(sampling(1, 0, 1), 10),
        Arguments.of(sampling(1.5, 6, 1), 6),
        Arguments.of(sampling(1, 0, 0.9), 5));
  }

  /**
   * Pearson's statistic of 20 000 draws, those of 20 000 items in their first step. With the number
   * of tokens less one as degrees of freedom it exceeds 33.7 (ten of them) with a probability of
   * 1e-4, and the seed is fixed.
   */
  @ParameterizedTest
  @MethodSource("distributions")
  void drawsFollowTheProbabilities(SamplingConfig sampling, int tokens) {
    int draws = 20_000;
    double[] expected = reference(LOGITS[0], sampling);
    float[][] uniforms =
        new RandomNumbers(5, IntStream.range(0, draws).boxed().toList()).uniforms(1);
    float[] first = new float[draws];
    for (int i = 0; i < draws; i++) {
      first[i] = uniforms[i][0];
    }
    float[][] rows = new float[draws][];
    Arrays.fill(rows, probabilities(LOGITS, sampling)[0]);
    int[] counts = new int[expected.length];
    for (int id : drawn(rows, first)) {
      counts[id]++;
    }
    double statistic = 0;
    int possible = 0;
    for (int id = 0; id < counts.length; id++) {
      if (expected[id] == 0) {
        assertThat(counts[id]).isZero();
      } else if (expected[id] * draws >= 1) {
        possible++;
        statistic += Math.pow(counts[id] - expected[id] * draws, 2) / (expected[id] * draws);
      }
    }
    assertThat(possible).isEqualTo(tokens);
    assertThat(statistic).isLessThan(33.7);
  }

  @Test
  void theNumbersAreUniformAndIndependentOfEachOther() {
    int items = 200;
    int steps = 100;
    float[][] uniforms =
        new RandomNumbers(1, IntStream.range(0, items).boxed().toList()).uniforms(steps);
    int[] counts = new int[16];
    double ofNeighbours = 0;
    for (int item = 0; item < items; item++) {
      for (int step = 0; step < steps; step++) {
        float uniform = uniforms[item][step];
        assertThat(uniform).isBetween(0f, 1 - 0x1p-24f);
        counts[(int) (uniform * 16)]++;
        if (item > 0 && step > 0) {
          ofNeighbours +=
              (uniform - 0.5) * (uniforms[item - 1][step] + uniforms[item][step - 1] - 1);
        }
      }
    }
    // 1250 each, standard deviation 34; the sum's is 1 / 12 * sqrt(2 * 199 * 99) = 16.5.
    for (int count : counts) {
      assertThat(count).isBetween(1250 - 140, 1250 + 140);
    }
    assertThat(ofNeighbours).isBetween(-66.0, 66.0);
  }

  @Test
  void theNumbersDependOnSeedItemAndStepAlone() {
    float[][] numbers = new RandomNumbers(9, List.of(4, 7)).uniforms(3);
    assertThat(new RandomNumbers(9, List.of(7, 0, 4)).uniforms(2))
        .isDeepEqualTo(
            new float[][] {
              Arrays.copyOf(numbers[1], 2),
              new RandomNumbers(9, List.of(0)).uniforms(2)[0],
              Arrays.copyOf(numbers[0], 2)
            });
    assertThat(new RandomNumbers(8, List.of(4)).uniforms(3)[0]).isNotEqualTo(numbers[0]);
    // Written down once: answers must not change with the version of this program.
    assertThat(numbers[0]).containsExactly(0.0075354576f, 0.86555606f, 0.45233542f);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, 9e-5, 10001, Double.NaN})
  void rejectsTemperaturesOutOfRange(double temperature) {
    assertThatThrownBy(() -> sampling(temperature, 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("temperature must be between 0.0001 and 10000, got " + temperature);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.5, 1.0001, Double.NaN})
  void rejectsTopPOutOfRange(double topP) {
    assertThatThrownBy(() -> sampling(1, 0, topP))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("top_p must be in (0, 1], 1 for all tokens, got " + topP);
  }

  @Test
  void rejectsANegativeTopK() {
    assertThatThrownBy(() -> sampling(1, -1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("top_k must be >= 0, 0 for all tokens, got -1");
  }

  @ParameterizedTest
  @CsvSource({"0", "0.009", "101", "NaN"})
  void rejectsPenaltiesOutOfRange(double penalty) {
    assertThatThrownBy(() -> new SamplingConfig(false, 1, 50, 1, penalty))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("repetition_penalty must be between 0.01 and 100, 1 for none, got " + penalty);
  }
}
