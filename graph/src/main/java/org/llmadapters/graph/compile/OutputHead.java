package org.llmadapters.graph.compile;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.graph.rewrite.TensorNames;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Gather;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * The end of a full graph: how its logits come out of the last hidden states. Logits of a few
 * columns can be had without those of all the others, which are most of the memory that a large
 * vocabulary takes.
 *
 * @param hidden the node that gives the hidden states, dtype [B, T, E]
 * @param weight the node that gives the weight, [V, E], or [E, V] if it is not {@code outIn}
 * @param bias the node that gives the bias, [V]
 */
record OutputHead(String hidden, String weight, boolean outIn, Optional<String> bias) {

  /**
   * The head of {@code full}; empty if there is more between the hidden states and the logits than
   * one linear layer, as where an adapter sits on it.
   */
  static Optional<OutputHead> of(GraphDef full) {
    Map<String, NodeDef> nodes = new HashMap<>();
    full.getNodeList().forEach(node -> nodes.put(node.getName(), node));
    NodeDef logits = nodes.getOrDefault("logits", NodeDef.getDefaultInstance());
    NodeDef cast = input(nodes, logits, 0);
    NodeDef output = is(cast, "Cast") ? input(nodes, cast, 0) : cast;
    NodeDef shaped = is(output, "Identity") ? input(nodes, output, 0) : output;
    NodeDef sum = is(shaped, "Reshape") ? input(nodes, shaped, 0) : shaped;
    NodeDef product = is(sum, "BiasAdd") ? input(nodes, sum, 0) : sum;
    if (!is(output, "Identity") || !is(shaped, "Reshape") || !is(product, "MatMul")) {
      return Optional.empty();
    }
    NodeDef rows = input(nodes, product, 0);
    NodeDef input = is(rows, "Reshape") ? input(nodes, rows, 0) : rows;
    if (!is(rows, "Reshape") || !is(input, "Identity")) {
      return Optional.empty();
    }
    return Optional.of(
        new OutputHead(
            TensorNames.node(input.getInput(0)),
            TensorNames.node(product.getInput(1)),
            product.getAttrOrDefault("transpose_b", AttrValue.getDefaultInstance()).getB(),
            is(sum, "BiasAdd")
                ? Optional.of(TensorNames.node(sum.getInput(1)))
                : Optional.empty()));
  }

  private static NodeDef input(Map<String, NodeDef> nodes, NodeDef node, int index) {
    return node.getInputCount() <= index
        ? NodeDef.getDefaultInstance()
        : nodes.getOrDefault(TensorNames.node(node.getInput(index)), NodeDef.getDefaultInstance());
  }

  private static boolean is(NodeDef node, String op) {
    return node.getOp().equals(op);
  }

  /** What has to be in a graph for {@link #logits}. */
  List<String> nodes() {
    return bias.map(name -> List.of(hidden, weight, name)).orElse(List.of(hidden, weight));
  }

  /**
   * The logits of some columns.
   *
   * @param body has the {@link #nodes}
   * @param columns int32 [B, L]
   * @return float32 [B, L, V]
   */
  Operand<TFloat32> logits(Graph body, Ops tf, Operand<TInt32> columns) {
    Operand<TFloating> all = body.operation(hidden).output(0);
    Operand<TFloating> chosen =
        tf.gather(all, columns, tf.constant(1), Gather.batchDims(1L)); // [B, L, E]
    Operand<TInt32> width = tf.slice(tf.shape(chosen), tf.array(2), tf.array(1));
    Operand<TFloating> rows =
        tf.reshape(chosen, tf.concat(List.of(tf.array(-1), width), tf.constant(0))); // [B * L, E]
    Operand<TFloating> weights = body.operation(weight).output(0);
    Operand<TFloating> product = tf.linalg.matMul(rows, weights, MatMul.transposeB(outIn));
    if (bias.isPresent()) {
      product = tf.nn.biasAdd(product, body.operation(bias.get()).output(0));
    }
    Operand<TInt32> shape =
        tf.concat(List.of(tf.shape(columns), tf.array(-1)), tf.constant(0)); // [B, L, V]
    return tf.reshape(tf.dtypes.cast(product, TFloat32.class), shape);
  }
}
