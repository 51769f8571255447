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

  /**
   * An int32 constant of the full graph: how many slots lie before the tokens, for keys and values
   * that an adapter brings. A mask of 1 and the positions from 0 on are theirs.
   */
  public static final String PAST = "tokens/past";

  /**
   * An int32 constant that a graph has whose adapter owns the first slots of the decode graph:
   * their number. Whoever decodes puts so many columns, with a mask of 1, before the prompt's.
   */
  public static final String VIRTUAL_TOKENS = DECODE_SCOPE + "virtual_tokens";

  /**
   * int32 [B, S] of the full graph: how many real tokens there are up to each slot; positions are
   * made of it. This and {@link #NOT_BEHIND} are the names that TensorFlow gives, so that bases of
   * earlier versions have them too.
   */
  static final String COUNTED_TOKENS = "tokens/Cumsum";

  /** bool [T, S] of the full graph: where a key, by its slot, is not behind a query. */
  static final String NOT_BEHIND = "tokens/GreaterEqual";

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

  /** The attentions of {@code graph}, full and decode, in the order of its nodes. */
  public static List<AttentionSite> attention(GraphDef graph) {
    Map<String, NodeDef> nodes = nodesByName(graph);
    Map<String, Integer> layers = new HashMap<>();
    List<AttentionSite> sites = new ArrayList<>();
    for (NodeDef node : graph.getNodeList()) {
      if (!node.getName().endsWith(AttentionSite.KEY) || !isIdentity(node)) {
        continue;
      }
      String path =
          node.getName().substring(0, node.getName().length() - AttentionSite.KEY.length());
      if (isIdentity(nodes.get(path + AttentionSite.VALUE))) {
        String scope = scope(path);
        int layer = layers.merge(scope, 1, Integer::sum) - 1;
        NodeDef cache = nodes.get(DECODE_SCOPE + "key_cache_" + layer);
        if (cache == null) {
          throw new IllegalArgumentException(
              path + ": layer " + layer + " has no cache in the decode graph");
        }
        TensorShapeProto shape = cache.getAttrOrThrow("shape").getShape();
        sites.add(
            new AttentionSite(
                path.substring(scope.length()).replace('/', '.'),
                scope,
                layer,
                shape.getDim(1).getSize(),
                shape.getDim(3).getSize(),
                WeightDtype.of(cache.getAttrOrThrow("dtype").getType())));
      }
    }
    return sites;
  }

  /** The decoder blocks of the full graph, from the first to the last. */
  public static List<BlockSite> blocks(GraphDef graph) {
    Map<String, NodeDef> nodes = nodesByName(graph);
    List<BlockSite> sites = new ArrayList<>();
    for (NodeDef node : graph.getNodeList()) {
      String end = "/" + BlockSite.INPUT;
      if (node.getName().endsWith(end) && isIdentity(node) && scope(node.getName()).isEmpty()) {
        String path = node.getName().substring(0, node.getName().length() - end.length());
        BlockSite site = new BlockSite(path, node.getAttrOrThrow("T").getType());
        if (isIdentity(nodes.get(site.output()))) {
          sites.add(site);
        }
      }
    }
    return sites;
  }

  /** The lookups of the tokens' embeddings, in the full and in the decode graph. */
  public static List<EmbeddingSite> tokenEmbeddings(GraphDef graph) {
    Map<String, NodeDef> nodes = nodesByName(graph);
    List<EmbeddingSite> sites = new ArrayList<>();
    for (NodeDef node : graph.getNodeList()) {
      if (!node.getOp().equals("GatherV2") || !node.getInput(0).endsWith("/Read")) {
        continue;
      }
      NodeDef input = nodes.get(TensorNames.node(node.getInput(1)));
      if (input != null && isIdentity(input) && input.getName().endsWith(EmbeddingSite.INPUT)) {
        String path =
            input.getName().substring(0, input.getName().length() - EmbeddingSite.INPUT.length());
        String scope = scope(path);
        if (TensorNames.node(input.getInput(0)).equals(scope + "input_ids")) {
          NodeDef handle = variable(node, 0, nodes);
          TensorShapeProto shape = handle.getAttrOrThrow("shape").getShape();
          sites.add(
              new EmbeddingSite(
                  path.substring(scope.length()).replace('/', '.'),
                  scope,
                  shape.getDim(0).getSize(),
                  shape.getDim(1).getSize(),
                  WeightDtype.of(handle.getAttrOrThrow("dtype").getType())));
        }
      }
    }
    return sites;
  }

  /** How many of the decode graph's first slots belong to an adapter. */
  public static int virtualTokens(GraphDef graph) {
    return graph.getNodeList().stream()
        .filter(node -> node.getName().equals(VIRTUAL_TOKENS))
        .mapToInt(node -> node.getAttrOrThrow("value").getTensor().getIntVal(0))
        .sum();
  }

  private static String scope(String path) {
    return path.startsWith(DECODE_SCOPE) ? DECODE_SCOPE : "";
  }

  private static LinearSite site(String path, NodeDef matMul, Map<String, NodeDef> nodes) {
    NodeDef handle = variable(matMul, 1, nodes);
    TensorShapeProto shape = handle.getAttrOrThrow("shape").getShape();
    String scope = scope(path);
    boolean outIn = matMul.getAttrOrDefault("transpose_b", AttrValue.getDefaultInstance()).getB();
    return new LinearSite(
        path.substring(scope.length()).replace('/', '.'),
        scope,
        shape.getDim(outIn ? 1 : 0).getSize(),
        shape.getDim(outIn ? 0 : 1).getSize(),
        outIn ? WeightLayout.OUT_IN : WeightLayout.IN_OUT,
        WeightDtype.of(handle.getAttrOrThrow("dtype").getType()));
  }

  /**
   * What tells shape and dtype of the weight that is an input of {@code node}: its variable, or the
   * node that makes it of its codes.
   */
  private static NodeDef variable(NodeDef node, int input, Map<String, NodeDef> nodes) {
    NodeDef read = nodes.get(TensorNames.node(node.getInput(input)));
    if (read != null && read.getOp().equals("EnsureShape")) {
      return read.toBuilder().putAttr("dtype", read.getAttrOrThrow("T")).build();
    }
    NodeDef handle =
        read == null || read.getInputCount() == 0
            ? null
            : nodes.get(TensorNames.node(read.getInput(0)));
    if (handle == null || !handle.getOp().equals("VarHandleOp")) {
      throw new IllegalArgumentException(
          node.getName() + ": input " + input + " must be the value of a variable");
    }
    return handle;
  }

  private static boolean isIdentity(@org.jspecify.annotations.Nullable NodeDef node) {
    return node != null && node.getOp().equals("Identity");
  }

  static Map<String, NodeDef> nodesByName(GraphDef graph) {
    return graph.getNodeList().stream()
        .collect(Collectors.toMap(NodeDef::getName, node -> node, (a, b) -> a, HashMap::new));
  }
}
