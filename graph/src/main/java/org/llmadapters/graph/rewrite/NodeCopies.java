package org.llmadapters.graph.rewrite;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.tensorflow.proto.NodeDef;

/**
 * A second computation of some nodes of a graph, from other inputs.
 *
 * <p>What the nodes read from outside them is shared, but for the tensors that are replaced.
 */
public final class NodeCopies {
  private NodeCopies() {}

  /**
   * Copies named {@code <prefix><name>}.
   *
   * @param replaced the new tensor, by the node whose output 0 it stands for
   */
  public static List<NodeDef> of(List<NodeDef> nodes, String prefix, Map<String, String> replaced) {
    Set<String> copied = names(nodes);
    List<NodeDef> copies = new ArrayList<>();
    for (NodeDef node : nodes) {
      NodeDef.Builder copy = node.toBuilder().setName(prefix + node.getName()).clearInput();
      for (String input : node.getInputList()) {
        String source = TensorNames.node(input);
        String instead = replaced.get(source);
        if (instead != null) {
          copy.addInput(
              TensorNames.isControl(input) ? "^" + TensorNames.node(instead) : instead);
        } else if (copied.contains(source)) {
          copy.addInput(TensorNames.isControl(input) ? "^" + prefix + source : prefix + input);
        } else {
          copy.addInput(input);
        }
      }
      copies.add(copy.build());
    }
    return copies;
  }

  /** The tensors that {@code nodes} read and that are no output of one of them. */
  public static List<String> inputs(List<NodeDef> nodes) {
    Set<String> inside = names(nodes);
    Set<String> inputs = new LinkedHashSet<>();
    for (NodeDef node : nodes) {
      node.getInputList().stream()
          .filter(input -> !TensorNames.isControl(input))
          .filter(input -> !inside.contains(TensorNames.node(input)))
          .map(input -> TensorNames.output(input) == 0 ? TensorNames.node(input) : input)
          .forEach(inputs::add);
    }
    return List.copyOf(inputs);
  }

  private static Set<String> names(List<NodeDef> nodes) {
    Set<String> names = new HashSet<>();
    nodes.forEach(node -> names.add(node.getName()));
    return names;
  }
}
