package org.llmadapters.graph.rewrite;

import java.util.Arrays;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/** Graphs made by hand. All tensors are float32. */
final class Nodes {
  private Nodes() {}

  static GraphDef graph(NodeDef... nodes) {
    return GraphDef.newBuilder().addAllNode(Arrays.asList(nodes)).build();
  }

  /** A node of {@code op}, with the attribute T that most operations have. */
  static NodeDef node(String name, String op, String... inputs) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp(op)
        .addAllInput(Arrays.asList(inputs))
        .putAttr("T", VariableNodes.type(DataType.DT_FLOAT))
        .build();
  }

  static NodeDef placeholder(String name, Long... shape) {
    return NodeDef.newBuilder()
        .setName(name)
        .setOp("Placeholder")
        .putAttr("dtype", VariableNodes.type(DataType.DT_FLOAT))
        .putAttr("shape", VariableNodes.shape(List.of(shape)))
        .build();
  }

  static Weight weight(String name, Long... shape) {
    return new Weight(name, WeightDtype.FLOAT32, List.of(shape));
  }

  static List<String> names(GraphDef graph) {
    return graph.getNodeList().stream().map(NodeDef::getName).toList();
  }

  static NodeDef find(GraphDef graph, String name) {
    return graph.getNodeList().stream()
        .filter(node -> node.getName().equals(name))
        .findFirst()
        .orElseThrow();
  }
}
