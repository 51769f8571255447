package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.graph.rewrite.GraphFlow;
import org.llmadapters.graph.rewrite.NodeCopies;
import org.llmadapters.graph.rewrite.TensorNames;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/**
 * The weights that a forward pass makes of their codes. The backward pass needs them again, and
 * would keep all of them from the one to the other; so it makes each of them once more where it is
 * multiplied.
 */
final class QuantizedWeights {
  private static final String GRADIENTS = "gradients/";

  private final GraphFlow flow;

  /** The placeholders of the codes, by the node with the weight. */
  private final Map<String, List<String>> codes = new LinkedHashMap<>();

  QuantizedWeights(GraphDef body, GraphFlow flow) {
    this.flow = flow;
    Map<String, Weight> weights = QuantizedGraph.dequantized(body);
    for (NodeDef node : body.getNodeList()) {
      if (node.getOp().equals("Placeholder")) {
        weights.forEach(
            (read, weight) -> {
              if (node.getName().startsWith(weight.node() + "/")) {
                codes.computeIfAbsent(read, key -> new ArrayList<>()).add(node.getName());
              }
            });
      }
    }
  }

  /** The placeholders of the codes of all weights below {@code path}. */
  List<String> codesOf(String path) {
    return codes.entrySet().stream()
        .filter(weight -> weight.getKey().startsWith(path + "/"))
        .flatMap(weight -> weight.getValue().stream())
        .toList();
  }

  /** The graph whose gradients make the weights of the forward pass for themselves. */
  GraphDef apart(GraphDef built) {
    if (codes.isEmpty()) {
      return built;
    }
    GraphDef.Builder apart = built.toBuilder().clearNode();
    for (NodeDef node : built.getNodeList()) {
      apart.addNode(node.getName().startsWith(GRADIENTS) ? apart(node, apart) : node);
    }
    return apart.build();
  }

  /**
   * Lets {@code node} read weights of its own, made when what they are multiplied with is there.
   */
  private NodeDef apart(NodeDef node, GraphDef.Builder graph) {
    NodeDef.Builder changed = node.toBuilder();
    for (int i = 0; i < node.getInputCount(); i++) {
      String weight = node.getInput(i);
      List<String> others =
          node.getInputList().stream()
              .filter(input -> !TensorNames.isControl(input) && !input.equals(weight))
              .toList();
      if (!codes.containsKey(weight) || !node.getOp().equals("MatMul") || others.isEmpty()) {
        continue;
      }
      String prefix = node.getName() + "/again/";
      List<String> together = new ArrayList<>(codes.getOrDefault(weight, List.of()));
      Map<String, String> replaced = new HashMap<>();
      for (int k = 0; k < together.size(); k++) {
        replaced.put(together.get(k), prefix + "barrier:" + k);
      }
      List<DataType> types = new ArrayList<>();
      together.forEach(
          placeholder -> types.add(flow.node(placeholder).getAttrOrThrow("dtype").getType()));
      together.add(others.get(0));
      types.add(node.getAttrOrThrow("T").getType());
      graph.addNode(Barrier.node(prefix + "barrier", together, types));
      graph.addAllNode(
          NodeCopies.of(
              flow.between(codes.getOrDefault(weight, List.of()), weight), prefix, replaced));
      changed.setInput(i, prefix + weight);
    }
    return changed.build();
  }
}
