package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.llmadapters.graph.rewrite.TensorNames;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.op.Ops;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

/**
 * Gradients of the loss by tensors of the forward pass, found piece by piece from the loss down:
 * what is known of the tensors that a piece gives is passed on to those that it reads.
 */
final class Adjoints {
  private final Graph graph;
  private final Ops tf;
  private final Map<String, List<Operand<TFloating>>> pending = new LinkedHashMap<>();

  /**
   * @param graph that gets the gradients
   */
  Adjoints(Graph graph) {
    this.graph = graph;
    this.tf = Ops.create(graph);
  }

  /** The operations of the graph. */
  Ops tf() {
    return tf;
  }

  /** Adds a part of the gradient by {@code tensor}. */
  void add(String tensor, Operand<TFloating> gradient) {
    pending.computeIfAbsent(tensor, key -> new ArrayList<>()).add(gradient);
  }

  /** The gradient by {@code tensor}, which is then forgotten. */
  Operand<TFloating> take(String tensor) {
    List<Operand<TFloating>> parts =
        Objects.requireNonNull(
            pending.remove(tensor), () -> "the loss does not depend on " + tensor);
    return parts.size() == 1 ? parts.get(0) : tf.math.addN(parts);
  }

  /** The tensors whose gradients are known and not yet taken. */
  Set<String> known() {
    return Set.copyOf(pending.keySet());
  }

  /**
   * The gradients by {@code inputs} of what gives {@code outputs} with the gradients {@code by}.
   *
   * @param name of the scope of the operations, not used so far
   */
  List<Operand<TFloating>> through(
      String name, List<String> outputs, List<Operand<TFloating>> by, List<String> inputs) {
    Output<?>[] gradients =
        graph.addGradients(
            name,
            tensors(outputs),
            tensors(inputs),
            by.stream().map(Operand::asOutput).toArray(Output<?>[]::new));
    List<Operand<TFloating>> result = new ArrayList<>();
    for (Output<?> gradient : gradients) {
      result.add(floating(gradient));
    }
    return result;
  }

  /**
   * Adds gradients found as by {@link #through}.
   *
   * @param stand for {@code inputs}, to differentiate by
   * @param inputs that get the gradients
   */
  void pass(
      String name,
      List<String> outputs,
      List<Operand<TFloating>> by,
      List<String> stand,
      List<String> inputs) {
    if (inputs.isEmpty()) {
      return;
    }
    List<Operand<TFloating>> gradients = through(name, outputs, by, stand);
    for (int i = 0; i < inputs.size(); i++) {
      add(inputs.get(i), gradients.get(i));
    }
  }

  private Output<?>[] tensors(List<String> names) {
    return names.stream().map(name -> output(graph, name)).toArray(Output<?>[]::new);
  }

  /** The tensor called {@code name}. */
  <T extends TType> Output<T> tensor(String name) {
    return output(graph, name);
  }

  /** The tensor called {@code name} in {@code graph}. */
  static <T extends TType> Output<T> output(Graph graph, String name) {
    return graph.operation(TensorNames.node(name)).output(TensorNames.output(name));
  }

  /** The name of {@code tensor}. */
  static String name(Operand<?> tensor) {
    Output<?> output = tensor.asOutput();
    return output.index() == 0 ? output.op().name() : output.op().name() + ":" + output.index();
  }

  /** {@code tensor}, which has a floating-point type. */
  @SuppressWarnings("unchecked")
  static Operand<TFloating> floating(Operand<?> tensor) {
    return (Operand<TFloating>) tensor;
  }
}
