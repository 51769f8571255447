package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/** A function of two outputs, {@code x W - b} and the number of columns of W. */
final class GraphFunctionTest {
  private static final float[][] X = {{1, 2, 3}, {4, 5, 6}};
  private static final float[][] W = {{1, 0}, {-1, 2}, {0.5f, 4}};
  private static final float[][] B = {{10, 20}};

  /** Closes the graph it was built in, as callers do. */
  private static GraphFunction affine() {
    try (Graph body = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(body);
      Operand<TFloat32> x = placeholder(tf, "x", 2, 3);
      Operand<TFloat32> w = placeholder(tf, "w", 3, 2);
      Operand<TFloat32> b = placeholder(tf, "b", 1, 2);
      Operand<TFloat32> y = tf.math.sub(tf.linalg.matMul(x, w), b);
      Operand<TInt32> columns = tf.size(b);
      return GraphFunction.of("affine", List.of(x, w, b), List.of(y, columns), body);
    }
  }

  private static Placeholder<TFloat32> placeholder(Ops tf, String name, long... shape) {
    return tf.withName(name).placeholder(TFloat32.class, Placeholder.shape(Shape.of(shape)));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void callComputesTheBodyWithAndWithoutXla(boolean xla) {
    try (Graph graph = TensorFlowRuntime.newGraph();
        GraphFunction function = affine()) {
      Ops tf = Ops.create(graph);
      List<Operand<?>> arguments = List.of(tf.constant(X), tf.constant(W), tf.constant(B));
      List<Output<?>> results = function.call(tf, "calls/first", arguments, xla);
      assertThat(results).hasSize(2);
      try (Session session = session(graph);
          Result result = session.runner().fetch(results.get(0)).fetch(results.get(1)).run()) {
        // 1-2+1.5-10, 4+12-20, 4-5+3-10, 10+24-20
        assertThat(StdArrays.array2dCopyOf((TFloat32) result.get(0)))
            .isEqualTo(new float[][] {{-9.5f, -4}, {-8, 14}});
        assertThat(((TInt32) result.get(1)).getInt()).isEqualTo(2);
      }
    }
  }

  @Test
  void mayBeCalledSeveralTimesInOneGraph() {
    try (Graph graph = TensorFlowRuntime.newGraph();
        GraphFunction function = affine()) {
      Ops tf = Ops.create(graph);
      Operand<TFloat32> zero = tf.constant(new float[1][2]);
      List<Operand<?>> x = List.of(tf.constant(X), tf.constant(W), zero);
      List<Operand<?>> minusX = List.of(tf.math.neg(tf.constant(X)), tf.constant(W), zero);
      Output<?> first = function.call(tf, "first", x, true).get(0);
      Output<?> second = function.call(tf, "second", minusX, true).get(0);
      try (Session session = session(graph);
          Result result = session.runner().fetch(first).fetch(second).run()) {
        float[][] one = StdArrays.array2dCopyOf((TFloat32) result.get(0));
        float[][] other = StdArrays.array2dCopyOf((TFloat32) result.get(1));
        assertThat(one).isEqualTo(new float[][] {{0.5f, 16}, {2, 34}});
        assertThat(other).isEqualTo(new float[][] {{-0.5f, -16}, {-2, -34}});
      }
    }
  }

  @Test
  void knowsTheTypesOfItsOutputs() {
    try (GraphFunction function = affine()) {
      assertThat(function.outputTypes()).containsExactly(DataType.DT_FLOAT, DataType.DT_INT32);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void asksForXlaOnTheCallOnly(boolean xla) {
    try (Graph graph = TensorFlowRuntime.newGraph();
        GraphFunction function = affine()) {
      Ops tf = Ops.create(graph);
      function.call(tf, "call", List.of(tf.constant(X), tf.constant(W), tf.constant(B)), xla);
      List<NodeDef> marked = new ArrayList<>();
      for (NodeDef node : graph.toGraphDef().getNodeList()) {
        if (node.getAttrMap().containsKey("_XlaMustCompile")) {
          marked.add(node);
        }
      }
      assertThat(marked).extracting(NodeDef::getName).isEqualTo(xla ? List.of("call") : List.of());
    }
  }

  /** Texts run, but not under XLA. */
  @Test
  void xlaIsNotLeftOutInSilence() {
    try (Graph body = TensorFlowRuntime.newGraph();
        Graph graph = TensorFlowRuntime.newGraph()) {
      Ops inside = Ops.create(body);
      Operand<TFloat32> x = placeholder(inside, "x", 2);
      Operand<TFloat32> sameX = inside.strings.toNumber(inside.dtypes.asString(x));
      try (GraphFunction function = GraphFunction.of("texts", List.of(x), List.of(sameX), body)) {
        Ops tf = Ops.create(graph);
        List<Operand<?>> arguments = List.of(tf.constant(new float[] {7, -1}));
        Output<?> plain = function.call(tf, "plain", arguments, false).get(0);
        Output<?> compiled = function.call(tf, "compiled", arguments, true).get(0);
        try (Session session = session(graph);
            Result result = session.runner().fetch(plain).run()) {
          assertThat(((TFloat32) result.get(0)).getFloat(1)).isEqualTo(-1);
          assertThatThrownBy(() -> session.runner().fetch(compiled).run())
              .hasMessageContaining("on XLA_CPU_JIT: AsString");
        }
      }
    }
  }

  private static Session session(Graph graph) {
    return new Session(graph, SessionOptions.oneReplica().toProto());
  }
}
