package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;

/** Runs one output of a flat graph with given values of its variables. */
final class Evaluation {
  private final GraphDef graphDef;
  private final Map<String, float[]> weights;
  private final Map<String, Tensor> feeds = new LinkedHashMap<>();

  Evaluation(GraphDef graphDef, Map<String, float[]> weights) {
    this.graphDef = graphDef;
    this.weights = weights;
  }

  Evaluation feed(String node, Tensor value) {
    feeds.put(node, value);
    return this;
  }

  /** The float32 tensor that {@code node} gives, row-major; closes what was fed. */
  float[] fetch(String node) {
    return run(node, (graph, body) -> graph.operation(node).output(0));
  }

  /** The gradient of {@code sum(node * factors)} by {@code variable}. */
  float[] gradient(String node, float[] factors, Weight variable) {
    return run(
        node,
        (graph, body) -> {
          Ops tf = Ops.create(graph);
          Operand<TFloat32> flat =
              tf.reshape(graph.operation(node).<TFloat32>output(0), tf.constant(new int[] {-1}));
          Operand<TFloat32> sum = tf.sum(tf.math.mul(flat, tf.constant(factors)), tf.constant(0));
          Output<?> by = graph.operation(body.input(variable)).output(0);
          return graph
              .addGradients(
                  "gradient", new Output<?>[] {sum.asOutput()}, new Output<?>[] {by}, null)[0];
        });
  }

  private interface Fetched {
    Output<?> in(Graph graph, VariablesAsInputs body);
  }

  private float[] run(String node, Fetched fetched) {
    List<String> kept = new ArrayList<>(feeds.keySet());
    kept.add(node);
    VariablesAsInputs body =
        VariablesAsInputs.of(GraphPruner.keep(graphDef, kept)).withFloat32Masters(name -> true);
    for (Weight variable : body.variables()) {
      float[] value = Objects.requireNonNull(weights.get(variable.name()), variable.name());
      assertThat(value).as(variable.name()).hasSize((int) variable.elements());
      long[] shape = variable.shape().stream().mapToLong(Long::longValue).toArray();
      feed(body.input(variable), TFloat32.tensorOf(Shape.of(shape), DataBuffers.of(value)));
    }
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(body.body());
      Output<?> output = fetched.in(graph, body);
      try (Session session = new Session(graph, SessionOptions.oneReplica().toProto())) {
        Session.Runner runner = session.runner().fetch(output);
        feeds.forEach(runner::feed);
        try (Result result = runner.run()) {
          TFloat32 tensor = (TFloat32) result.get(0);
          float[] copy = new float[(int) tensor.size()];
          tensor.copyTo(DataBuffers.of(copy, false, false));
          return copy;
        }
      }
    } finally {
      feeds.values().forEach(Tensor::close);
    }
  }

  /** Normally distributed values. */
  static float[] random(Random random, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
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
      assertThat(Math.abs(actual[i] - expected[i]) <= tolerance * largest)
          .as("element %d: got %s, expected %s, largest %s", i, actual[i], expected[i], largest)
          .isTrue();
    }
  }
}
