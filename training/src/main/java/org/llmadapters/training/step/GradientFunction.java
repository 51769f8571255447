package org.llmadapters.training.step;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.GraphFunction;
import org.llmadapters.graph.compile.ModelSession;

/**
 * The function that one replica calls: forward pass, loss and the gradients of the trained
 * variables alone.
 *
 * <pre>
 *   input_ids, attention_mask, labels int32 [B, T], dropout seed int32 [2] (if there is dropout),
 *   loss scale float32 [] (if there is one), values of all variables
 *     -> sum of the losses float32 [], number of counted tokens float32 [], gradients of the sum
 * </pre>
 *
 * <p>The sum of the {@link TokenLoss}, not the mean, is returned: parts of a batch have different
 * numbers of counted tokens, and a mean of their means would be wrong.
 */
final class GradientFunction implements AutoCloseable {
  private final GraphFunction function;
  private final List<Weight> variables;

  private GradientFunction(GraphFunction function, List<Weight> variables) {
    this.function = function;
    this.variables = variables;
  }

  /**
   * Builds the function for batches of one shape; caller closes. A variable that {@code model}
   * holds in float32 although the graph computes with a narrower dtype is taken as float32 and
   * rounded inside.
   *
   * @param model has all variables of the graph
   */
  static GradientFunction build(
      ModelSession model,
      ReplicatedFunction.Computation computation,
      StepMemory memory,
      StepShape shape) {
    try (GradientGraph graph = GradientGraph.build(computation, model::isFloat32, memory, shape)) {
      return new GradientFunction(
          GraphFunction.of(
              computation.trained().isEmpty() ? "loss" : "gradients",
              graph.inputs(),
              graph.outputs(),
              graph.graph()),
          graph.variables());
    }
  }

  /** The variables that the function takes, in order. */
  List<Weight> variables() {
    return variables;
  }

  GraphFunction function() {
    return function;
  }

  @Override
  public void close() {
    function.close();
  }
}
