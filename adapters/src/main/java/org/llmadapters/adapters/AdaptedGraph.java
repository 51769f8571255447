package org.llmadapters.adapters;

import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.tensorflow.proto.GraphDef;

/**
 * A base graph with one adapter in it.
 *
 * @param graphDef the base's graph, its adapted layers read through the adapter
 * @param name of the adapter; its nodes are under {@code adapters/<name>/}
 * @param config what was spliced in
 * @param modules the adapted modules, e.g. {@code model.layers.0.self_attn.q_proj}
 * @param parameters everything that is trained
 * @param computed stored parameters that are not trained themselves, with the nodes of this graph
 *     that give them; only in a graph for training
 */
public record AdaptedGraph(
    GraphDef graphDef,
    String name,
    AdapterConfig config,
    List<String> modules,
    List<AdapterParameter> parameters,
    Map<String, String> computed) {
  public AdaptedGraph {
    modules = List.copyOf(modules);
    parameters = List.copyOf(parameters);
    computed = Map.copyOf(computed);
  }

  /** The variables of {@link #parameters()}, in the same order. */
  public List<Weight> variables() {
    return parameters.stream().map(parameter -> parameter.variable(name)).toList();
  }

  /** Number of trained values. */
  public long trainableElements() {
    return parameters.stream().mapToLong(AdapterParameter::elements).sum();
  }

  /**
   * The int32 [2] placeholder that a training graph with dropout has, to be fed with a new seed in
   * every step.
   */
  public String dropoutSeed() {
    return Splicer.dropoutSeedNode(name);
  }
}
