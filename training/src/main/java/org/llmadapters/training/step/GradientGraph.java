package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.CustomGradients;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Graph;
import org.tensorflow.Output;

/**
 * The body of what one replica computes - forward pass, loss and the gradients of the trained
 * variables alone - as a flat graph with static shapes; caller closes.
 *
 * @param graph holds what leads to the outputs, and some more
 * @param inputs input_ids, attention_mask, labels int32 [B, T], dropout seed int32 [2] (if there is
 *     dropout), loss scale float32 [] (if there is one), values of all variables
 * @param outputs sum of the losses float32 [], number of counted tokens float32 [], gradients of
 *     the sum
 * @param variables those that the function takes, in the order of its inputs
 */
public record GradientGraph(
    Graph graph, List<Output<?>> inputs, List<Output<?>> outputs, List<Weight> variables)
    implements AutoCloseable {
  public GradientGraph {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    variables = List.copyOf(variables);
  }

  /**
   * Builds the graph for batches of one shape. No values are needed: it can be looked at without
   * loading a model.
   *
   * @param heldInFloat32 tells the variables that are held in float32, by their names, although the
   *     graph may compute with a narrower dtype; they are rounded inside
   */
  public static GradientGraph build(
      ReplicatedFunction.Computation computation,
      Predicate<String> heldInFloat32,
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
            .withFloat32Masters(heldInFloat32);
    Map<String, String> placeholders = new HashMap<>();
    body.variables().forEach(variable -> placeholders.put(variable.name(), body.input(variable)));
    List<String> trained =
        computation.trained().stream()
            .map(weight -> Objects.requireNonNull(placeholders.get(weight.name())))
            .toList();
    boolean scaled = computation.lossScale() != null;
    LossGraph loss = LossGraph.build(body.body(), trained, shape, memory, scaled);
    List<String> inputs = new ArrayList<>(List.of("input_ids", "attention_mask", LossGraph.LABELS));
    if (seedNode != null) {
      inputs.add(seedNode);
    }
    if (scaled) {
      inputs.add(LossGraph.LOSS_SCALE);
    }
    body.variables().forEach(variable -> inputs.add(body.input(variable)));
    List<Output<?>> arguments = new ArrayList<>();
    inputs.forEach(input -> arguments.add(Adjoints.output(loss.graph(), input)));
    return new GradientGraph(loss.graph(), arguments, loss.outputs(), body.variables());
  }

  @Override
  public void close() {
    graph.close();
  }
}
