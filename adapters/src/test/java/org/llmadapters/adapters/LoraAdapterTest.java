package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.llmadapters.adapters.Evaluation.assertClose;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/** LoRA on a graph of linear layers {@code y = x W^T}, against plain Java in float64. */
final class LoraAdapterTest {
  private static final int B = 2;
  private static final int T = 3;
  private static final int IN = 5;
  private static final int OUT = 7;
  private static final int R = 4;

  /** Scaled by 6 / 4. */
  private static final LoraConfig CONFIG = new LoraConfig(R, 6, 0, TargetModules.of("q_proj"));

  private static final String A_NAME = "adapters.default.m.q_proj.lora_A.weight";
  private static final String B_NAME = "adapters.default.m.q_proj.lora_B.weight";

  private final Random random = new Random(11);
  private final float[] x = Evaluation.random(random, B * T * IN);
  private final Map<String, float[]> weights = new LinkedHashMap<>();

  {
    weights.put("m.q_proj.weight", Evaluation.random(random, OUT * IN));
    weights.put(A_NAME, Evaluation.random(random, R * IN));
    weights.put(B_NAME, Evaluation.random(random, OUT * R));
  }

  /** x float32 [B, T, in] to y_M float32 [B, T, out] through every module M. */
  private static GraphDef base(WeightDtype dtype, int in, int out, String... modules) {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(graph);
      Operand<TFloat32> x =
          tf.withName("x").placeholder(TFloat32.class, Placeholder.shape(Shape.of(-1, -1, in)));
      Ops parent = tf.withSubScope("m");
      for (String module : modules) {
        Weight weight =
            new Weight("m." + module + ".weight", dtype, List.of((long) out, (long) in));
        graph.importGraphDef(
            GraphDef.newBuilder()
                .addNode(VariableNodes.handle(weight))
                .addNode(VariableNodes.read(weight))
                .build());
        Ops site = parent.withSubScope(module);
        Operand<TFloating> input =
            site.withName("input").identity(TensorTypes.cast(site, x, dtype));
        Operand<TFloating> rows = site.reshape(input, site.constant(new int[] {-1, in}));
        Operand<TFloating> matrix =
            graph.operation(VariableNodes.readName(weight)).<TFloating>output(0);
        Operand<TFloating> product =
            site.withName("MatMul").linalg.matMul(rows, matrix, MatMul.transposeB(true));
        Operand<TInt32> shape =
            site.concat(
                List.of(
                    site.slice(
                        site.shape(x), site.constant(new int[] {0}), site.constant(new int[] {2})),
                    site.constant(new int[] {out})),
                site.constant(0));
        Operand<TFloating> output = site.withName("output").identity(site.reshape(product, shape));
        tf.withName("y_" + module).dtypes.cast(output, TFloat32.class);
      }
      return graph.toGraphDef();
    }
  }

  private AdaptedGraph adapted(WeightDtype dtype) {
    return Splicer.splice(
        base(dtype, IN, OUT, "q_proj"), CONFIG, "default", Splicer.Mode.INFERENCE);
  }

  private Evaluation evaluation(AdaptedGraph adapted) {
    return new Evaluation(adapted.graphDef(), weights)
        .feed("x", TFloat32.tensorOf(Shape.of(B, T, IN), DataBuffers.of(x)));
  }

  private float[] weight(String name) {
    return Objects.requireNonNull(weights.get(name));
  }

  /** {@code y = x W^T + 1.5 * B (A x)}, [B * T, out]; {@code step} is added to one element. */
  private double[] expected(String changed, int index, double step) {
    double[] base = wide("m.q_proj.weight", changed, index, step);
    double[] loraA = wide(A_NAME, changed, index, step);
    double[] loraB = wide(B_NAME, changed, index, step);
    double[] y = new double[B * T * OUT];
    for (int row = 0; row < B * T; row++) {
      double[] narrow = new double[R];
      for (int k = 0; k < R; k++) {
        for (int i = 0; i < IN; i++) {
          narrow[k] += loraA[k * IN + i] * x[row * IN + i];
        }
      }
      for (int o = 0; o < OUT; o++) {
        for (int i = 0; i < IN; i++) {
          y[row * OUT + o] += base[o * IN + i] * x[row * IN + i];
        }
        for (int k = 0; k < R; k++) {
          y[row * OUT + o] += 1.5 * loraB[o * R + k] * narrow[k];
        }
      }
    }
    return y;
  }

  private double[] wide(String name, String changed, int index, double step) {
    float[] values = weight(name);
    double[] wide = new double[values.length];
    Arrays.setAll(wide, i -> values[i] + (name.equals(changed) && i == index ? step : 0));
    return wide;
  }

  /**
   * Float32 rounds by 6e-8, sums of 5 terms. bfloat16 rounds inputs and results of each product by
   * 0.4 % at most, float16 by 0.05 %; a few of those meet in the largest element.
   */
  @ParameterizedTest
  @CsvSource({"FLOAT32, 1e-6", "BFLOAT16, 0.02", "FLOAT16, 0.0025"})
  void addsTheScaledProductOfBAndA(WeightDtype dtype, double tolerance) {
    assertClose(evaluation(adapted(dtype)).fetch("y_q_proj"), expected("", 0, 0), tolerance);
  }

  /** The output is linear in each element, so differences in float64 are exact to 1e-12. */
  @ParameterizedTest
  @CsvSource({"0", "1"})
  void gradientsAreThoseOfFiniteDifferences(int parameter) {
    AdaptedGraph adapted = adapted(WeightDtype.FLOAT32);
    float[] factors = Evaluation.random(random, B * T * OUT);
    Weight variable = adapted.variables().get(parameter);
    float[] gradient = evaluation(adapted).gradient("y_q_proj", factors, variable);
    double[] differences = new double[(int) variable.elements()];
    for (int i = 0; i < differences.length; i++) {
      double[] above = expected(variable.name(), i, 0.5);
      double[] below = expected(variable.name(), i, -0.5);
      for (int j = 0; j < factors.length; j++) {
        differences[i] += factors[j] * (above[j] - below[j]);
      }
    }
    assertClose(gradient, differences, 1e-6);
  }

  @Test
  void startsWithBoundedUniformAAndZeroB() {
    assertThat(adapted(WeightDtype.BFLOAT16).parameters())
        .containsExactly(
            new AdapterParameter(
                "m.q_proj.lora_A.weight",
                List.of(4L, 5L),
                new AdapterParameter.Initializer.Uniform(1 / Math.sqrt(5))),
            new AdapterParameter(
                "m.q_proj.lora_B.weight",
                List.of(7L, 4L),
                new AdapterParameter.Initializer.Zeros()));
  }

  /** With W = 0, A = B = 1 and scale 1 the output is the input after dropout. */
  @Test
  void dropoutDropsAtItsRateAndScalesTheRest() {
    int width = 6;
    int tokens = 400;
    LoraConfig config = new LoraConfig(width, width, 0.25, TargetModules.of("q_proj", "v_proj"));
    AdaptedGraph adapted =
        Splicer.splice(
            base(WeightDtype.FLOAT32, width, width, "q_proj", "v_proj"),
            config,
            "default",
            Splicer.Mode.TRAINING);
    float[] identity = new float[width * width];
    for (int i = 0; i < width; i++) {
      identity[i * width + i] = 1;
    }
    Map<String, float[]> values = new LinkedHashMap<>();
    for (String module : List.of("q_proj", "v_proj")) {
      values.put("m." + module + ".weight", new float[width * width]);
      values.put("adapters.default.m." + module + ".lora_A.weight", identity);
      values.put("adapters.default.m." + module + ".lora_B.weight", identity);
    }
    float[] input = Evaluation.random(random, B * tokens * width);
    float[] first = dropped(adapted, values, input, tokens, width, "y_q_proj", 1, 2);

    int kept = 0;
    for (int i = 0; i < input.length; i++) {
      if (first[i] != 0) {
        kept++;
        assertThat((double) first[i]).isCloseTo(input[i] / 0.75, withinPercentage(1e-4));
      }
    }
    // 4800 draws have a standard deviation of 0.00625; the seed is fixed.
    assertThat((double) kept / input.length).isCloseTo(0.75, within(0.025));

    assertThat(dropped(adapted, values, input, tokens, width, "y_q_proj", 1, 2))
        .as("the same seed")
        .isEqualTo(first);
    assertThat(dropped(adapted, values, input, tokens, width, "y_q_proj", 2, 2))
        .as("another seed")
        .isNotEqualTo(first);
    assertThat(dropped(adapted, values, input, tokens, width, "y_v_proj", 1, 2))
        .as("another site")
        .isNotEqualTo(first);
  }

  private static float[] dropped(
      AdaptedGraph adapted,
      Map<String, float[]> values,
      float[] input,
      int tokens,
      int width,
      String node,
      int... seed) {
    return new Evaluation(adapted.graphDef(), values)
        .feed("x", TFloat32.tensorOf(Shape.of(B, tokens, width), DataBuffers.of(input)))
        .feed(adapted.dropoutSeed(), TInt32.vectorOf(seed))
        .fetch(node);
  }
}
