package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.family.TType;

/**
 * The {@code decode} graph of a model, ready to become the body of a function: its variables are
 * placeholders.
 *
 * @param graphDef the graph
 * @param variables in the order of {@link #variables(Graph)}
 * @param layers {@code num_hidden_layers}
 * @param virtualTokens how many of the first slots belong to an adapter
 */
record DecodeBody(GraphDef graphDef, List<Weight> variables, int layers, int virtualTokens) {
  private static final String SCOPE = "decode/";

  DecodeBody {
    variables = List.copyOf(variables);
  }

  /**
   * Takes what decoding needs out of a base graph, or out of one with an adapter in it.
   *
   * @param layers {@code num_hidden_layers}
   */
  static DecodeBody of(GraphDef flat, int layers) {
    List<String> kept = new ArrayList<>();
    for (String name : List.of("input_ids", "attention_mask", "cache_position", "logits")) {
      kept.add(SCOPE + name);
    }
    for (String cache : caches(layers)) {
      kept.add(SCOPE + cache);
      kept.add(SCOPE + "next_" + cache);
    }
    VariablesAsInputs decode = VariablesAsInputs.of(GraphPruner.keep(flat, kept));
    return new DecodeBody(decode.body(), decode.variables(), layers, Sites.virtualTokens(flat));
  }

  private static List<String> caches(int layers) {
    List<String> names = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      names.add("key_cache_" + layer);
      names.add("value_cache_" + layer);
    }
    return names;
  }

  /** The placeholder or result called {@code name} in a graph that this one was imported into. */
  static <T extends TType> Output<T> node(Graph graph, String name) {
    return graph.operation(SCOPE + name).output(0);
  }

  /** The placeholders of the caches: key and value of layer 0, of layer 1, ... */
  List<Operand<?>> caches(Graph graph) {
    List<Operand<?>> nodes = new ArrayList<>();
    caches(layers).forEach(name -> nodes.add(node(graph, name)));
    return nodes;
  }

  /** The caches with the new tokens in them, in the same order. */
  List<Operand<?>> nextCaches(Graph graph) {
    List<Operand<?>> nodes = new ArrayList<>();
    caches(layers).forEach(name -> nodes.add(node(graph, "next_" + name)));
    return nodes;
  }

  /** The placeholders of the variables' values. */
  List<Operand<?>> variables(Graph graph) {
    List<Operand<?>> nodes = new ArrayList<>();
    for (Weight variable : variables) {
      nodes.add(graph.operation(VariableNodes.readName(variable)).output(0));
    }
    return nodes;
  }
}
