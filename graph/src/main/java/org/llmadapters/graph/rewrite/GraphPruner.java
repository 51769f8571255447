package org.llmadapters.graph.rewrite;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/** Keeps what is needed to compute some nodes. */
public final class GraphPruner {
  private GraphPruner() {}

  /**
   * The part of {@code graph} that {@code wanted} depends on, in the same order.
   *
   * @param wanted node or tensor names
   * @throws IllegalArgumentException if one of them does not exist
   */
  public static GraphDef keep(GraphDef graph, Collection<String> wanted) {
    Map<String, NodeDef> nodes = Sites.nodesByName(graph);
    Set<String> kept = new HashSet<>();
    Deque<String> open = new ArrayDeque<>();
    wanted.forEach(name -> open.add(TensorNames.node(name)));
    while (!open.isEmpty()) {
      String name = open.pop();
      if (kept.add(name)) {
        NodeDef node = nodes.get(name);
        if (node == null) {
          throw new IllegalArgumentException("the graph has no node " + name);
        }
        node.getInputList().forEach(input -> open.push(TensorNames.node(input)));
      }
    }
    GraphDef.Builder result = graph.toBuilder().clearNode();
    graph.getNodeList().stream()
        .filter(node -> kept.contains(node.getName()))
        .forEach(result::addNode);
    return result.build();
  }

  /** {@code graph} with nothing left in it that only orders execution. */
  public static GraphDef withoutControlEdges(GraphDef graph) {
    GraphDef.Builder result = graph.toBuilder().clearNode();
    for (NodeDef node : graph.getNodeList()) {
      List<String> inputs =
          node.getInputList().stream().filter(input -> !TensorNames.isControl(input)).toList();
      result.addNode(node.toBuilder().clearInput().addAllInput(inputs));
    }
    return result.build();
  }
}
