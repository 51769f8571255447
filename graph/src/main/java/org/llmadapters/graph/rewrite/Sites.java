package org.llmadapters.graph.rewrite;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.TensorShapeProto;

/**
 * Finds the sites of a graph by the names of its nodes alone; nothing else about them is stored.
 */
public final class Sites {
  /** Scope of the decode graph. */
  public static final String DECODE_SCOPE = "decode/";

  private static final String MATMUL = "/MatMul";

  private Sites() {}

  /** All linear layers of {@code graph}, full and decode, in the order of its nodes. */
  public static List<LinearSite> linear(GraphDef graph) {
    Map<String, NodeDef> nodes = nodesByName(graph);
    List<LinearSite> sites = new ArrayList<>();
    for (NodeDef node : graph.getNodeList()) {
      if (!node.getOp().equals("MatMul") || !node.getName().endsWith(MATMUL)) {
        continue;
      }
      String path = node.getName().substring(0, node.getName().length() - MATMUL.length());
      if (isIdentity(nodes.get(path + "/input")) && isIdentity(nodes.get(path + "/output"))) {
        sites.add(site(path, node, nodes));
      }
    }
    return sites;
  }

  private static LinearSite site(String path, NodeDef matMul, Map<String, NodeDef> nodes) {
    NodeDef read = nodes.get(TensorNames.node(matMul.getInput(1)));
    NodeDef handle =
        read == null || read.getInputCount() == 0
            ? null
            : nodes.get(TensorNames.node(read.getInput(0)));
    if (handle == null || !handle.getOp().equals("VarHandleOp")) {
      throw new IllegalArgumentException(
          matMul.getName() + ": the second input must be the value of a variable");
    }
    TensorShapeProto shape = handle.getAttrOrThrow("shape").getShape();
    String scope = path.startsWith(DECODE_SCOPE) ? DECODE_SCOPE : "";
    boolean outIn = matMul.getAttrOrDefault("transpose_b", AttrValue.getDefaultInstance()).getB();
    return new LinearSite(
        path.substring(scope.length()).replace('/', '.'),
        scope,
        shape.getDim(outIn ? 1 : 0).getSize(),
        shape.getDim(outIn ? 0 : 1).getSize(),
        outIn ? WeightLayout.OUT_IN : WeightLayout.IN_OUT,
        WeightDtype.of(handle.getAttrOrThrow("dtype").getType()));
  }

  private static boolean isIdentity(@org.jspecify.annotations.Nullable NodeDef node) {
    return node != null && node.getOp().equals("Identity");
  }

  static Map<String, NodeDef> nodesByName(GraphDef graph) {
    return graph.getNodeList().stream()
        .collect(Collectors.toMap(NodeDef::getName, node -> node, (a, b) -> a, HashMap::new));
  }
}
