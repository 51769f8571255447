package org.llmadapters.graph.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;

/** Runs a flat graph with given values of its variables. */
final class Evaluation {
  private final GraphDef graph;
  private final Map<String, float[]> weights;
  private final Map<String, Tensor> feeds = new LinkedHashMap<>();

  Evaluation(GraphDef graph, Map<String, float[]> weights) {
    this.graph = graph;
    this.weights = weights;
  }

  Evaluation feed(String node, Tensor value) {
    feeds.put(node, value);
    return this;
  }

  Evaluation feed(String node, float[] values, long... shape) {
    return feed(node, TFloat32.tensorOf(Shape.of(shape), DataBuffers.of(values)));
  }

  /** The float32 tensors that {@code nodes} give, row-major; closes what was fed. */
  List<float[]> fetch(String... nodes) {
    List<String> kept = new ArrayList<>(feeds.keySet());
    kept.addAll(List.of(nodes));
    VariablesAsInputs body =
        VariablesAsInputs.of(GraphPruner.keep(graph, kept)).withFloat32Masters(name -> true);
    for (Weight variable : body.variables()) {
      float[] value = Objects.requireNonNull(weights.get(variable.name()), variable.name());
      assertThat(value).as(variable.name()).hasSize((int) variable.elements());
      feed(
          body.input(variable),
          value,
          variable.shape().stream().mapToLong(Long::longValue).toArray());
    }
    try (Graph imported = TensorFlowRuntime.newGraph()) {
      imported.importGraphDef(body.body());
      try (Session session = new Session(imported, SessionOptions.oneReplica().toProto())) {
        Session.Runner runner = session.runner();
        feeds.forEach(runner::feed);
        List.of(nodes).forEach(runner::fetch);
        List<float[]> values = new ArrayList<>();
        try (Result result = runner.run()) {
          for (int i = 0; i < nodes.length; i++) {
            TFloat32 tensor = (TFloat32) result.get(i);
            float[] copy = new float[(int) tensor.size()];
            tensor.copyTo(DataBuffers.of(copy, false, false));
            values.add(copy);
          }
        }
        return values;
      }
    } finally {
      feeds.values().forEach(Tensor::close);
    }
  }

  /**
   * Asserts that no element is further from the expected one than {@code tolerance} times the
   * largest expected value.
   */
  static void assertClose(float[] actual, double[] expected, double tolerance) {
    assertThat(actual).hasSize(expected.length);
    double largest = 0;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertThat(largest).as("largest expected value").isPositive();
    for (int i = 0; i < actual.length; i++) {
      double difference = Math.abs(actual[i] - expected[i]);
      assertThat(difference <= tolerance * largest)
          .as("element %d: got %s, expected %s, largest %s", i, actual[i], expected[i], largest)
          .isTrue();
    }
  }
}
