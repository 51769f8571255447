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
   * @param replaced the new tensors by the old ones
   */
  public static List<NodeDef> of(List<NodeDef> nodes, String prefix, Map<String, String> replaced) {
    Set<String> copied = names(nodes);
    List<NodeDef> copies = new ArrayList<>();
    for (NodeDef node : nodes) {
      NodeDef.Builder copy = node.toBuilder().setName(prefix + node.getName()).clearInput();
      for (String input : node.getInputList()) {
        String source = TensorNames.node(input);
        String instead = replaced.get(plain(input));
        if (instead != null) {
          copy.addInput(instead);
        } else if (TensorNames.isControl(input) && replaced.containsKey(source)) {
          copy.addInput("^" + TensorNames.node(replaced.getOrDefault(source, source)));
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
          .map(NodeCopies::plain)
          .forEach(inputs::add);
    }
    return List.copyOf(inputs);
  }

  /** The one name of a tensor: output 0 goes without a number. */
  private static String plain(String input) {
    return !TensorNames.isControl(input) && TensorNames.output(input) == 0
        ? TensorNames.node(input)
        : input;
  }

  private static Set<String> names(List<NodeDef> nodes) {
    Set<String> names = new HashSet<>();
    nodes.forEach(node -> names.add(node.getName()));
    return names;
  }
}
