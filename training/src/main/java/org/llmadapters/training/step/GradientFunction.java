package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.CustomGradients;
import org.llmadapters.graph.compile.GraphFunction;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Output;

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
    CustomGradients.register();
    String seedNode = computation.seedNode();
    List<String> kept = new ArrayList<>(List.of("input_ids", "attention_mask", "logits"));
    if (seedNode != null) {
      kept.add(seedNode);
    }
    List<Long> tokens = List.of((long) shape.batch(), (long) shape.length());
    VariablesAsInputs body =
        VariablesAsInputs.of(GraphPruner.keep(computation.graph(), kept))
            .withShapes(Map.of("input_ids", tokens, "attention_mask", tokens))
            .withFloat32Masters(model::isFloat32);
    Map<String, String> placeholders = new HashMap<>();
    body.variables().forEach(variable -> placeholders.put(variable.name(), body.input(variable)));
    List<String> trained =
        computation.trained().stream()
            .map(weight -> Objects.requireNonNull(placeholders.get(weight.name())))
            .toList();
    boolean scaled = computation.lossScale() != null;
    try (LossGraph graph = LossGraph.build(body.body(), trained, shape, memory, scaled)) {
      List<String> inputs =
          new ArrayList<>(List.of("input_ids", "attention_mask", LossGraph.LABELS));
      if (seedNode != null) {
        inputs.add(seedNode);
      }
      if (scaled) {
        inputs.add(LossGraph.LOSS_SCALE);
      }
      body.variables().forEach(variable -> inputs.add(body.input(variable)));
      List<Output<?>> arguments = new ArrayList<>();
      inputs.forEach(input -> arguments.add(Adjoints.output(graph.graph(), input)));
      return new GradientFunction(
          GraphFunction.of(
              trained.isEmpty() ? "loss" : "gradients", arguments, graph.outputs(), graph.graph()),
          body.variables());
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
