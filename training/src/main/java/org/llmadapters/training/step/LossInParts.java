package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/**
 * The loss and its gradient for some columns of tokens at a time, so that the logits of all tokens
 * never exist together. Logits, loss and gradient of a part are computed in one go; the next part
 * waits for them.
 *
 * <p>The gradient by a trained output layer is added up in float32.
 */
final class LossInParts {
  /** Fewer columns are not worth their operations, however large the vocabulary is. */
  private static final int LEAST_COLUMNS = 8;

  private final OutputLayer layer;
  private final StepShape shape;
  private final int columns;

  private LossInParts(OutputLayer layer, StepShape shape, int columns) {
    this.layer = layer;
    this.shape = shape;
    this.columns = columns;
  }

  /**
   * Equal parts, but for the last.
   *
   * @param logitsAtOnce most elements that the logits of a part may have
   */
  static LossInParts of(OutputLayer layer, StepShape shape, long logitsAtOnce) {
    long most = Math.max(LEAST_COLUMNS, logitsAtOnce / (shape.batch() * layer.vocabSize()));
    long parts = (shape.length() + most - 1) / most;
    return new LossInParts(layer, shape, Math.toIntExact((shape.length() + parts - 1) / parts));
  }

  /** How many parts there are. */
  int count() {
    return (shape.length() + columns - 1) / columns;
  }

  /** The nodes of all parts, which are to be added to the graph first. */
  List<NodeDef> copies(ForwardPass forward) {
    List<NodeDef> copies = new ArrayList<>();
    for (int part = 0; part < count(); part++) {
      copies.addAll(layer.copy(forward, part, new StepShape(shape.batch(), length(part))));
    }
    return copies;
  }

  private int length(int part) {
    return Math.min(columns, shape.length() - part * columns);
  }

  /**
   * Adds the gradients by the hidden states and by what is trained in the output layer.
   *
   * @param by the gradient by the loss: float32 []
   * @param connections gets what the placeholders of the parts stand for
   * @return sum of the losses
   */
  Operand<TFloat32> addTo(
      ForwardPass forward,
      Adjoints adjoints,
      TokenLoss loss,
      Operand<TFloat32> by,
      Map<String, String> connections) {
    Ops tf = adjoints.tf();
    boolean hidden = forward.concerns(layer.input());
    List<String> inputs = layer.part(forward, 0).inputs();
    List<Operand<TFloat32>> losses = new ArrayList<>();
    List<Operand<TFloating>> byHidden = new ArrayList<>();
    Map<String, Operand<TFloat32>> byInputs = new LinkedHashMap<>();
    for (int part = 0; part < count(); part++) {
      List<Operand<?>> gate = new ArrayList<>();
      gate.add(columns(adjoints, part));
      if (part > 0) {
        gate.add(hidden ? byHidden.get(part - 1) : losses.get(part - 1));
        gate.addAll(byInputs.values());
      }
      Piece piece = layer.part(forward, part);
      piece.connect(connections);
      connections.put(
          layer.hidden(part),
          Adjoints.name(Barrier.of(tf, layer.hidden(part) + "/barrier", gate).get(0)));
      Operand<TFloat32> sum =
          loss.sum(adjoints.tensor(piece.copied(layer.output())), part * columns, length(part));
      losses.add(sum);
      List<String> read = new ArrayList<>();
      inputs.forEach(input -> read.add(piece.placeholder(input)));
      if (hidden) {
        read.add(layer.hidden(part));
      }
      if (read.isEmpty()) {
        continue;
      }
      List<Operand<TFloating>> gradients =
          adjoints.through(
              "gradients/loss_" + part,
              List.of(Adjoints.name(sum)),
              List.of(Adjoints.floating(by)),
              read);
      if (hidden) {
        byHidden.add(gradients.get(inputs.size()));
      }
      for (int i = 0; i < inputs.size(); i++) {
        byInputs.merge(
            inputs.get(i),
            tf.dtypes.cast(gradients.get(i), TFloat32.class),
            (sumSoFar, gradient) -> tf.math.add(sumSoFar, gradient));
      }
    }
    if (hidden) {
      adjoints.add(layer.input(), joined(tf, byHidden));
    }
    byInputs.forEach(
        (input, gradient) ->
            adjoints.add(
                input,
                TensorTypes.cast(tf, gradient, WeightDtype.of(adjoints.tensor(input).dataType()))));
    return tf.math.addN(losses);
  }

  /** The hidden states of a part: dtype [B, part, E]. */
  private Operand<TFloating> columns(Adjoints adjoints, int part) {
    Ops tf = adjoints.tf();
    return tf.slice(
        adjoints.<TFloating>tensor(layer.input()),
        tf.constant(new int[] {0, layer.virtualTokens() + part * columns, 0}),
        tf.constant(new int[] {shape.batch(), length(part), (int) layer.width()}));
  }

  /** The gradients by the hidden states of all columns: dtype [B, P + T, E]. */
  private Operand<TFloating> joined(Ops tf, List<Operand<TFloating>> parts) {
    List<Operand<TFloating>> all = new ArrayList<>();
    if (layer.virtualTokens() > 0) {
      long[] sizes = {shape.batch(), layer.virtualTokens(), layer.width()};
      all.add(tf.zeros(tf.constant(sizes), TensorTypes.of(WeightDtype.of(layer.dtype()))));
    }
    all.addAll(parts);
    return tf.concat(all, tf.constant(1));
  }
}
