package org.llmadapters.training;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.CustomGradients;
import org.llmadapters.graph.compile.GraphFunction;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.llmadapters.training.data.Example;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.nn.SparseSoftmaxCrossEntropyWithLogits;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The function that one replica calls: forward pass, loss and the gradients of the trained
 * variables alone.
 *
 * <pre>
 *   input_ids, attention_mask, labels int32 [B, T], dropout seed int32 [2] (if there is dropout), values of all variables
 *     -> sum of the losses float32 [], number of counted tokens float32 [], gradients of the sum
 * </pre>
 *
 * <p>{@code logits[t]} predicts {@code labels[t + 1]}; a label of -100 is not counted. The sum, not
 * the mean, is returned: parts of a batch have different numbers of counted tokens, and a mean of
 * their means would be wrong.
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
      ModelSession model, ReplicatedFunction.Computation computation, StepShape shape) {
    CustomGradients.register();
    List<Weight> trained = computation.trained();
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
    try (Graph graph = new Graph()) {
      graph.importGraphDef(body.body());
      Ops tf = Ops.create(graph);
      Operand<TInt32> labels =
          tf.withName("labels")
              .placeholder(
                  TInt32.class, Placeholder.shape(Shape.of(shape.batch(), shape.length())));
      List<Operand<?>> inputs =
          new ArrayList<>(
              List.of(output(graph, "input_ids"), output(graph, "attention_mask"), labels));
      if (seedNode != null) {
        inputs.add(output(graph, seedNode));
      }
      Map<String, Output<?>> values = new HashMap<>();
      for (Weight variable : body.variables()) {
        Output<?> value = output(graph, body.input(variable));
        values.put(variable.name(), value);
        inputs.add(value);
      }
      List<Operand<?>> outputs = new ArrayList<>(loss(tf, output(graph, "logits"), labels, shape));
      if (trained.isEmpty()) {
        return new GradientFunction(
            GraphFunction.of("loss", inputs, outputs, graph), body.variables());
      }
      Output<?>[] by =
          trained.stream().map(weight -> values.get(weight.name())).toArray(Output<?>[]::new);
      outputs.addAll(
          List.of(
              graph.addGradients(
                  "gradients", new Output<?>[] {outputs.get(0).asOutput()}, by, null)));
      return new GradientFunction(
          GraphFunction.of("gradients", inputs, outputs, graph), body.variables());
    }
  }

  private static <T extends org.tensorflow.types.family.TType> Output<T> output(
      Graph graph, String node) {
    return graph.operation(node).output(0);
  }

  /** Sum of the losses and number of counted tokens. */
  private static List<Operand<TFloat32>> loss(
      Ops tf, Operand<TFloat32> logits, Operand<TInt32> labels, StepShape shape) {
    int rows = shape.batch() * shape.length();
    Operand<TInt32> next =
        tf.concat(
            List.of(
                tf.slice(
                    labels,
                    tf.constant(new int[] {0, 1}),
                    tf.constant(new int[] {shape.batch(), shape.length() - 1})),
                tf.fill(
                    tf.constant(new int[] {shape.batch(), 1}), tf.constant(Example.IGNORED_LABEL))),
            tf.constant(1));
    Operand<TInt32> targets = tf.reshape(next, tf.constant(new int[] {rows}));
    Operand<TBool> counted = tf.math.notEqual(targets, tf.constant(Example.IGNORED_LABEL));
    Operand<TFloat32> weights = tf.dtypes.cast(counted, TFloat32.class);
    Operand<TFloat32> flat = tf.reshape(logits, tf.constant(new int[] {rows, -1}));
    Operand<TInt32> classes = tf.math.maximum(targets, tf.constant(0));
    Operand<TFloat32> losses =
        SparseSoftmaxCrossEntropyWithLogits.create(tf.scope(), flat, classes).loss();
    Operand<TInt32> all = tf.constant(new int[] {0});
    return List.of(tf.sum(tf.math.mul(losses, weights), all), tf.sum(weights, all));
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
