package org.llmadapters.graph.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.spec.Activation;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/** Against what transformers' {@code ACT2FN} and BLOOM's own code compute in float32. */
final class ActivationsTest {
  /** Of values up to 10: some roundings of 6e-8 each, and erf and tanh of another library. */
  private static final double TOLERANCE = 1e-6;

  private static List<String[]> golden() throws IOException {
    try (InputStream file = ActivationsTest.class.getResourceAsStream("/golden/activations.csv")) {
      String text = new String(Objects.requireNonNull(file).readAllBytes(), StandardCharsets.UTF_8);
      return text.lines().map(line -> line.split(",", -1)).toList();
    }
  }

  private static float[] column(String name) throws IOException {
    List<String[]> lines = golden();
    int column = List.of(lines.get(0)).indexOf(name);
    float[] values = new float[lines.size() - 1];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.parseFloat(lines.get(i + 1)[column]);
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "silu, silu",
    "swish, silu",
    "relu, relu",
    "gelu, gelu",
    "gelu_new, gelu_new",
    "gelu_fast, gelu_fast",
    "gelu_pytorch_tanh, gelu_pytorch_tanh",
    "quick_gelu, quick_gelu",
    "tanh, tanh",
    "sigmoid, sigmoid",
    "relu6, relu6",
    "gelu_new, bloom_gelu"
  })
  void givesTheGoldenValues(String name, String golden) throws IOException {
    float[] x = column("x");
    float[] expected = column(golden);
    float[] actual = apply(Activation.find(name).orElseThrow(), x);
    assertThat(actual).hasSize(68);
    for (int i = 0; i < x.length; i++) {
      assertThat(Math.abs(actual[i] - (double) expected[i]))
          .as("%s(%s)", name, x[i])
          .isLessThanOrEqualTo(TOLERANCE * Math.max(1, Math.abs((double) x[i])));
    }
  }

  @SuppressWarnings("unchecked")
  private static float[] apply(Activation activation, float[] x) {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(graph);
      Operand<TFloating> input =
          (Operand<TFloating>) (Operand<?>) tf.withName("x").placeholder(TFloat32.class);
      Operand<TFloating> output = Activations.apply(tf, activation, input, WeightDtype.FLOAT32);
      return new Evaluation(graph.toGraphDef(), Map.of())
          .feed("x", x, x.length)
          .fetch(output.asOutput().op().name())
          .get(0);
    }
  }

  @Test
  void knowsNoOtherNames() {
    assertThat(Activation.find("maxout")).isEmpty();
    assertThat(Activation.names()).contains("silu", "gelu_new").doesNotHaveDuplicates();
  }
}
