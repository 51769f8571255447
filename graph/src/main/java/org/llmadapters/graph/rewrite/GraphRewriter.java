package org.llmadapters.graph.rewrite;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/**
 * A rewrite of a graph, as a pure function {@code GraphDef -> GraphDef}: it adds fragments and lets
 * every consumer of a replaced tensor read the fragment's result. Nodes that nothing touches are
 * kept as they are.
 *
 * <pre>{@code
 * GraphDef adapted = GraphRewriter.on(base).insert(fragments).adding(variables).expecting(64).rewrite();
 * }</pre>
 */
public final class GraphRewriter {
  private final GraphDef base;
  private final List<NodeDef> added = new ArrayList<>();
  private final Map<String, Fragment> fragments = new LinkedHashMap<>();
  private int expected = -1;

  private GraphRewriter(GraphDef base) {
    this.base = base;
  }

  /** Starts a rewrite of {@code base}. */
  public static GraphRewriter on(GraphDef base) {
    return new GraphRewriter(base);
  }

  /** Adds nodes that replace nothing: variables, placeholders. */
  public GraphRewriter adding(List<NodeDef> nodes) {
    added.addAll(nodes);
    return this;
  }

  /** Adds {@code fragment}; a tensor can be replaced once in a rewrite. */
  public GraphRewriter insert(Fragment fragment) {
    if (fragments.put(fragment.replaced(), fragment) != null) {
      throw new IllegalArgumentException(fragment.replaced() + " is replaced twice in one rewrite");
    }
    return this;
  }

  /** States how many tensors are to be replaced; without it, none at all is an error. */
  public GraphRewriter expecting(int replacedTensors) {
    this.expected = replacedTensors;
    return this;
  }

  /**
   * The new graph.
   *
   * @throws IllegalArgumentException if the number of replaced tensors is not the expected one, or
   *     a replaced tensor has no consumer
   * @throws IllegalStateException if the result is not a valid graph
   */
  public GraphDef rewrite() {
    if (fragments.isEmpty() || (expected >= 0 && fragments.size() != expected)) {
      throw new IllegalArgumentException(
          "the rewrite replaces "
              + fragments.size()
              + " tensors, expected "
              + (expected < 0 ? "at least 1" : String.valueOf(expected)));
    }
    GraphDef.Builder result = base.toBuilder().clearNode();
    Map<String, Integer> moved = new LinkedHashMap<>();
    fragments.keySet().forEach(replaced -> moved.put(replaced, 0));
    for (NodeDef node : base.getNodeList()) {
      result.addNode(redirected(node, moved));
    }
    List<String> unread =
        moved.entrySet().stream()
            .filter(entry -> entry.getValue() == 0)
            .map(Map.Entry::getKey)
            .toList();
    if (!unread.isEmpty()) {
      throw new IllegalArgumentException("nothing in the graph reads " + String.join(", ", unread));
    }
    result.addAllNode(added);
    fragments.values().forEach(fragment -> result.addAllNode(fragment.nodes()));
    GraphDef rewritten = result.build();
    GraphChecks.check(base, rewritten);
    return rewritten;
  }

  private NodeDef redirected(NodeDef node, Map<String, Integer> moved) {
    NodeDef.Builder changed = null;
    for (int i = 0; i < node.getInputCount(); i++) {
      String input = node.getInput(i);
      Fragment fragment =
          TensorNames.isControl(input) ? null : fragments.get(TensorNames.node(input));
      if (fragment != null && TensorNames.isFirstOutput(input, fragment.replaced())) {
        changed = changed == null ? node.toBuilder() : changed;
        changed.setInput(i, fragment.replacement());
        moved.merge(fragment.replaced(), 1, Integer::sum);
      }
    }
    return changed == null ? node : changed.build();
  }
}
