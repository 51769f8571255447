package org.llmadapters.graph.block;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.rewrite.BlockSite;
import org.llmadapters.graph.rewrite.Sites;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/**
 * Puts layers into a graph that differ from one in it by their number alone. TensorFlow Java looks
 * at all nodes of a graph whenever a name scope is opened, so that building every layer with it
 * takes time quadratic in their number.
 *
 * <p>Layer {@code j} is a copy of its original, the first layer with the same window. What it
 * shares with other layers (masks, positions) lies outside and stays; it reads the output of layer
 * {@code j - 1}, and the caches and weights of its own number.
 */
final class LayerCopies {
  private final String prefix;
  private final List<Integer> originals = new ArrayList<>();

  /**
   * @param layers path of the list of layers: {@code model.layers}
   * @param numHiddenLayers how many there shall be
   */
  LayerCopies(String layers, AttentionConfig attention, int numHiddenLayers) {
    this.prefix = layers.replace('.', '/') + "/";
    Map<Integer, Integer> firstOfWindow = new HashMap<>();
    for (int layer = 0; layer < numHiddenLayers; layer++) {
      firstOfWindow.putIfAbsent(attention.window(layer), layer);
      originals.add(firstOfWindow.getOrDefault(attention.window(layer), layer));
    }
  }

  /** The layers to build, in order; each is built behind the one before it in this list. */
  List<Integer> originals() {
    return originals.stream().distinct().toList();
  }

  /** The graph with all layers. What else there is keeps its order, before or behind them. */
  GraphDef complete(GraphDef built) {
    List<NodeDef> nodes = built.getNodeList();
    Map<String, Integer> lastOfScope = new HashMap<>();
    for (int i = 0; i < nodes.size(); i++) {
      if (layer(nodes.get(i).getName()) >= 0) {
        lastOfScope.put(scope(nodes.get(i).getName()), i);
      }
    }
    GraphDef.Builder graph = built.toBuilder().clearNode();
    Map<String, List<NodeDef>> originalsOfScope = new HashMap<>();
    for (int i = 0; i < nodes.size(); i++) {
      String name = nodes.get(i).getName();
      String scope = scope(name);
      if (layer(name) < 0) {
        graph.addNode(behindLastLayer(nodes.get(i)));
        continue;
      }
      List<NodeDef> inLayers = originalsOfScope.computeIfAbsent(scope, key -> new ArrayList<>());
      inLayers.add(nodes.get(i));
      if (i == lastOfScope.getOrDefault(scope, -1)) {
        for (int to = 0; to < originals.size(); to++) {
          for (NodeDef node : inLayers) {
            if (layer(node.getName()) == originals.get(to)) {
              graph.addNode(copy(node, originals.get(to), to));
            }
          }
        }
      }
    }
    return graph.build();
  }

  /** The weights of all layers. */
  List<Weight> complete(List<Weight> built) {
    List<Weight> inLayers = built.stream().filter(weight -> layer(weight.node()) >= 0).toList();
    List<Weight> all = new ArrayList<>();
    for (Weight weight : built) {
      if (layer(weight.node()) < 0) {
        all.add(weight);
      } else if (weight.equals(inLayers.get(inLayers.size() - 1))) {
        for (int to = 0; to < originals.size(); to++) {
          for (Weight original : inLayers) {
            if (layer(original.node()) == originals.get(to)) {
              String node = renumber(original.node(), originals.get(to), to);
              all.add(new Weight(node.replace('/', '.'), original.dtype(), original.shape()));
            }
          }
        }
      }
    }
    return all;
  }

  private NodeDef behindLastLayer(NodeDef node) {
    List<Integer> built = originals();
    NodeDef.Builder moved = node.toBuilder();
    for (int i = 0; i < node.getInputCount(); i++) {
      String input = node.getInput(i);
      String scope = scope(input);
      if (input.equals(output(scope, built.get(built.size() - 1)))) {
        moved.setInput(i, output(scope, originals.size() - 1));
      }
    }
    return moved.build();
  }

  private NodeDef copy(NodeDef node, int from, int to) {
    NodeDef.Builder copy = node.toBuilder().setName(renumber(node.getName(), from, to));
    for (int i = 0; i < node.getInputCount(); i++) {
      copy.setInput(i, renumber(node.getInput(i), from, to));
    }
    String scope = scope(node.getName());
    if (to > 0 && node.getName().equals(scope + prefix + from + "/" + BlockSite.INPUT)) {
      copy.setInput(0, output(scope, to - 1));
    }
    if (node.getOp().equals("VarHandleOp")) {
      copy.putAttr(
          "shared_name",
          node.getAttrOrThrow("shared_name").toBuilder()
              .setS(com.google.protobuf.ByteString.copyFromUtf8(copy.getName()))
              .build());
    }
    return copy.build();
  }

  private String output(String scope, int layer) {
    return scope + prefix + layer + "/" + BlockSite.OUTPUT;
  }

  /** The name in layer {@code to} of what is {@code name} in layer {@code from}. */
  private String renumber(String name, int from, int to) {
    for (String cache : List.of(DecoderModel.KEY_CACHE, DecoderModel.VALUE_CACHE)) {
      if (name.equals(Sites.DECODE_SCOPE + cache + from)) {
        return Sites.DECODE_SCOPE + cache + to;
      }
    }
    if (layer(name) != from) {
      return name;
    }
    String start = scope(name) + prefix;
    return start + to + name.substring((start + from).length());
  }

  /** Number of the layer that a node belongs to, or -1. */
  private int layer(String name) {
    String start = scope(name) + prefix;
    int end = name.indexOf('/', start.length());
    return name.startsWith(start) && end > 0
        ? Integer.parseInt(name.substring(start.length(), end))
        : -1;
  }

  private static String scope(String name) {
    return name.startsWith(Sites.DECODE_SCOPE) ? Sites.DECODE_SCOPE : "";
  }
}
