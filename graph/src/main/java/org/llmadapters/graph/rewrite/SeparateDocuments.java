package org.llmadapters.graph.rewrite;

import java.util.List;
import java.util.Map;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.index.Indices;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TInt32;

/**
 * Lets the rows of a full graph hold several documents each, none of which knows of the others:
 * {@code attention_mask} is the number of each token's document, from 1, and 0 at padding.
 *
 * <pre>
 *   attention_mask   1 1 1 2 2 0
 *   positions        0 1 2 0 1 .      . = any, nothing looks at it
 *   token 4 sees           * *
 * </pre>
 *
 * A token sees the tokens of its own document that are not behind it, and the virtual tokens of an
 * adapter, which every document begins with; its position is the number of those before it. So each
 * token gets the logits that it gets in a row without the other documents. A mask of 0 and 1 means
 * what it means without the rewrite.
 */
public final class SeparateDocuments {
  private SeparateDocuments() {}

  /**
   * Rewrites {@code graph}, adapters and all; the decode graph stays as it is.
   *
   * @throws IllegalArgumentException if an earlier version made the graph, with other nodes
   */
  public static GraphDef in(GraphDef graph) {
    Map<String, NodeDef> nodes = Sites.nodesByName(graph);
    NodeDef counted = node(nodes, Sites.COUNTED_TOKENS);
    String numbers = TensorNames.node(counted.getInput(0));
    String columns = TensorNames.node(node(nodes, Sites.NOT_BEHIND).getInput(0)); // [T, 1]
    try (Graph scratch = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(scratch).withSubScope("documents");
      Operand<TInt32> documents = standIn(scratch, tf, numbers);
      Operand<TBool> seen = seen(tf, documents, Sites.virtualTokens(graph)); // [B, S, S]
      Operand<TInt32> seenTokens =
          tf.sum(tf.dtypes.cast(seen, TInt32.class), tf.constant(-1)); // [B, S]
      Operand<TInt32> queries =
          tf.reshape(standIn(scratch, tf, columns), tf.constant(new int[] {-1})); // [T]
      Operand<TBool> byQueries =
          tf.expandDims(tf.gather(seen, queries, tf.constant(1)), tf.constant(1)); // [B, 1, T, S]
      List<NodeDef> added =
          scratch.toGraphDef().getNodeList().stream()
              .filter(node -> !node.getOp().equals("Placeholder"))
              .toList();
      return GraphRewriter.on(graph)
          .adding(added)
          .insert(new Fragment(List.of(), Sites.COUNTED_TOKENS, name(seenTokens)))
          .insert(new Fragment(List.of(), Sites.NOT_BEHIND, name(byQueries)))
          .expecting(2)
          .rewrite();
    }
  }

  /**
   * Which slots the token of each slot sees.
   *
   * @param documents int32 [B, S]
   * @param virtualTokens how many of the first slots belong to all documents
   * @return bool [B, S, S]
   */
  private static Operand<TBool> seen(Ops tf, Operand<TInt32> documents, int virtualTokens) {
    Operand<TInt32> slots =
        tf.range(
            tf.constant(0),
            tf.stridedSlice(tf.shape(documents), Indices.at(1)),
            tf.constant(1)); // [S]
    Operand<TInt32> ofKeys = tf.expandDims(documents, tf.constant(1)); // [B, 1, S]
    Operand<TBool> own =
        tf.math.equal(tf.expandDims(documents, tf.constant(-1)), ofKeys); // [B, S, S]
    Operand<TBool> notBehind =
        tf.math.greaterEqual(
            tf.expandDims(slots, tf.constant(-1)), tf.expandDims(slots, tf.constant(0))); // [S, S]
    Operand<TBool> real = tf.math.notEqual(ofKeys, tf.constant(0)); // [B, 1, S]
    Operand<TBool> virtual = tf.math.less(slots, tf.constant(virtualTokens)); // [S]
    return tf.math.logicalAnd(
        tf.math.logicalOr(own, virtual), tf.math.logicalAnd(real, notBehind)); // [B, S, S]
  }

  private static NodeDef node(Map<String, NodeDef> nodes, String name) {
    NodeDef node = nodes.get(name);
    if (node == null) {
      throw new IllegalArgumentException(
          "the base model was made by an earlier version, whose graph cannot tell documents apart"
              + " (it has no node "
              + name
              + "); make it again with: llm-adapters convert");
    }
    return node;
  }

  /** A placeholder with the name of the tensor that takes its place. */
  private static Operand<TInt32> standIn(Graph scratch, Ops tf, String tensor) {
    return scratch
        .opBuilder("Placeholder", tensor, tf.scope())
        .setAttr("dtype", DataType.DT_INT32)
        .build()
        .output(0);
  }

  private static String name(Operand<?> operand) {
    return operand.asOutput().op().name();
  }
}
