package org.llmadapters.eval;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.TensorNames;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/**
 * Moves the outputs of adapted layers behind their adapter, so that the next adapter adapts what
 * this one made of the layer:
 *
 * <pre>
 *   MatMul -> q_proj/output -> adapter -> ...
 *   MatMul -> q_proj/output/inside_NAME -> adapter -> q_proj/output -> ...
 * </pre>
 *
 * Adapters that change what a layer reads stand in front of all that reads it as it is, those of
 * earlier splices included.
 */
final class OutputsBehindAdapter {
  private OutputsBehindAdapter() {}

  /**
   * The graph of {@code adapted} with its outputs moved.
   *
   * @param base what the adapter was spliced into
   */
  static GraphDef move(GraphDef base, AdaptedGraph adapted) {
    Map<String, NodeDef> before = new HashMap<>();
    base.getNodeList().forEach(node -> before.put(node.getName(), node));
    Map<String, String> results = results(adapted, before, Sites.linear(base));
    Set<String> moving = Set.copyOf(results.values());
    GraphDef.Builder moved = adapted.graphDef().toBuilder().clearNode();
    for (NodeDef node : adapted.graphDef().getNodeList()) {
      NodeDef.Builder copy = node.toBuilder();
      for (int i = 0; i < node.getInputCount(); i++) {
        String output = TensorNames.node(node.getInput(i));
        if (results.containsKey(output)) {
          copy.setInput(i, inside(output, adapted));
        } else if (moving.contains(node.getInput(i)) && before.containsKey(node.getName())) {
          copy.setInput(i, before.get(node.getName()).getInput(i));
        }
      }
      String result = results.get(node.getName());
      if (result != null) {
        moved.addNode(copy.clone().clearInput().addInput(result));
        copy.setName(inside(node.getName(), adapted));
      }
      moved.addNode(copy);
    }
    return moved.build();
  }

  /** For each output of a layer that was adapted: the tensor that is read instead. */
  private static Map<String, String> results(
      AdaptedGraph adapted, Map<String, NodeDef> before, List<LinearSite> sites) {
    Map<String, String> partsByOutput = new HashMap<>();
    sites.forEach(
        site ->
            partsByOutput.put(site.output(), "adapters/" + adapted.name() + "/" + site.node("")));
    Map<String, String> results = new HashMap<>();
    for (NodeDef node : adapted.graphDef().getNodeList()) {
      NodeDef old = before.getOrDefault(node.getName(), node);
      for (int i = 0; i < node.getInputCount(); i++) {
        String part = partsByOutput.get(TensorNames.node(old.getInput(i)));
        // What an adapter of another kind puts behind a layer belongs to what reads the layer.
        if (part != null && node.getInput(i).startsWith(part)) {
          results.put(TensorNames.node(old.getInput(i)), node.getInput(i));
        }
      }
    }
    return results;
  }

  private static String inside(String output, AdaptedGraph adapted) {
    return output + "/inside_" + adapted.name();
  }
}
