package org.llmadapters.graph.block;

import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.SignatureDef;

/**
 * A model's graph before any adapter: what a base SavedModel holds.
 *
 * @param graphDef flat, with its weights as resource variables
 * @param weights the variables, in the order of the model
 * @param signatures {@code serving_default} and {@code decode}
 */
public record BaseGraph(
    GraphDef graphDef, List<Weight> weights, Map<String, SignatureDef> signatures) {
  public BaseGraph {
    weights = List.copyOf(weights);
    signatures = Map.copyOf(signatures);
  }
}
