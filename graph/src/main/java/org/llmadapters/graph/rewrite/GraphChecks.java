package org.llmadapters.graph.rewrite;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/** What must hold after every rewrite. */
public final class GraphChecks {
  private GraphChecks() {}

  /**
   * Checks that names are unique, that every input exists, that there is no cycle, and that {@code
   * rewritten} still has every node of {@code base} with the same operation, attributes and number
   * of inputs.
   *
   * @throws IllegalStateException that lists every violation, and how many nodes and edges the
   *     rewrite changed
   */
  public static void check(GraphDef base, GraphDef rewritten) {
    List<String> problems = new ArrayList<>();
    Map<String, NodeDef> nodes = new HashMap<>();
    for (NodeDef node : rewritten.getNodeList()) {
      if (nodes.put(node.getName(), node) != null) {
        problems.add("two nodes are called " + node.getName());
      }
    }
    for (NodeDef node : rewritten.getNodeList()) {
      for (String input : node.getInputList()) {
        if (!nodes.containsKey(TensorNames.node(input))) {
          problems.add(node.getName() + " reads " + input + ", which does not exist");
        }
      }
    }
    int movedEdges = 0;
    for (NodeDef before : base.getNodeList()) {
      NodeDef after = nodes.get(before.getName());
      if (after == null
          || !after.getOp().equals(before.getOp())
          || after.getInputCount() != before.getInputCount()
          || !after.getAttrMap().equals(before.getAttrMap())) {
        problems.add(before.getName() + " of the base was changed or lost");
      } else {
        movedEdges += movedInputs(before, after);
      }
    }
    if (problems.isEmpty()) {
      findCycle(rewritten, nodes, problems);
    }
    if (!problems.isEmpty()) {
      throw new IllegalStateException(
          String.format(
              "invalid graph after a rewrite (%+d nodes, %d edges moved):\n  %s",
              rewritten.getNodeCount() - base.getNodeCount(),
              movedEdges,
              String.join("\n  ", problems.subList(0, Math.min(problems.size(), 20)))));
    }
  }

  private static int movedInputs(NodeDef before, NodeDef after) {
    int moved = 0;
    for (int i = 0; i < before.getInputCount(); i++) {
      moved += before.getInput(i).equals(after.getInput(i)) ? 0 : 1;
    }
    return moved;
  }

  /** Depth first without recursion: graphs are deeper than a thread's stack. */
  private static void findCycle(GraphDef graph, Map<String, NodeDef> nodes, List<String> problems) {
    Set<String> finished = new HashSet<>();
    Set<String> open = new HashSet<>();
    for (NodeDef root : graph.getNodeList()) {
      List<NodeDef> path = new ArrayList<>(List.of(root));
      List<Integer> next = new ArrayList<>(List.of(0));
      while (!path.isEmpty()) {
        int depth = path.size() - 1;
        NodeDef node = path.get(depth);
        if (finished.contains(node.getName()) || next.get(depth) == node.getInputCount()) {
          finished.add(node.getName());
          open.remove(node.getName());
          path.remove(depth);
          next.remove(depth);
          continue;
        }
        open.add(node.getName());
        NodeDef input =
            Objects.requireNonNull(nodes.get(TensorNames.node(node.getInput(next.get(depth)))));
        next.set(depth, next.get(depth) + 1);
        if (open.contains(input.getName())) {
          problems.add("cycle through " + node.getName() + " and " + input.getName());
          return;
        }
        path.add(input);
        next.add(0);
      }
    }
  }
}
