package org.llmadapters.adapters;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.TensorNames;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/** Linear layers without a weight of their own: {@code tie_word_embeddings}. */
final class TiedLayers {
  private TiedLayers() {}

  /** Each such layer of a base graph, with the name of the weight that it reads. */
  static Map<String, String> of(GraphDef base) {
    Map<String, NodeDef> nodes = new HashMap<>();
    base.getNodeList().forEach(node -> nodes.put(node.getName(), node));
    Map<String, String> tied = new TreeMap<>();
    for (LinearSite site : Sites.linear(base)) {
      String weight = weight(site, nodes);
      if (site.scope().isEmpty() && !weight.equals(site.module() + ".weight")) {
        tied.put(site.module(), weight);
      }
    }
    return tied;
  }

  /** The name of the weight that a layer reads. */
  private static String weight(LinearSite site, Map<String, NodeDef> nodes) {
    NodeDef product = Objects.requireNonNull(nodes.get(site.node("MatMul")));
    return VariableNodes.weightName(TensorNames.node(product.getInput(1)));
  }
}
