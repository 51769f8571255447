package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TInt32;

/**
 * Placeholders for a {@link TokenBatch} of one shape.
 *
 * @param inputIds int32 [B, T]
 * @param attentionMask int32 [B, T]
 * @param labels int32 [B, T]
 * @param seed int32 [2], or null if there is no dropout
 */
record BatchInputs(
    Placeholder<TInt32> inputIds,
    Placeholder<TInt32> attentionMask,
    Placeholder<TInt32> labels,
    @Nullable Placeholder<TInt32> seed) {

  /**
   * Adds them to the graph of {@code tf}.
   *
   * @param name their names begin with it
   */
  static BatchInputs of(Ops tf, String name, StepShape shape, boolean dropout) {
    Shape tokens = Shape.of(shape.batch(), shape.length());
    return new BatchInputs(
        placeholder(tf, name + "_input_ids", tokens),
        placeholder(tf, name + "_attention_mask", tokens),
        placeholder(tf, name + "_labels", tokens),
        dropout ? placeholder(tf, name + "_seed", Shape.of(2)) : null);
  }

  private static Placeholder<TInt32> placeholder(Ops tf, String name, Shape shape) {
    return tf.withName(name).placeholder(TInt32.class, Placeholder.shape(shape));
  }

  /** All of them, in order. */
  List<Operand<?>> operands() {
    List<Operand<?>> operands = new ArrayList<>(List.of(inputIds, attentionMask, labels));
    if (seed != null) {
      operands.add(seed);
    }
    return operands;
  }

  /** Gives {@code runner} the batch. */
  Session.Runner feed(Session.Runner runner, TokenBatch batch) {
    runner
        .feed(inputIds, batch.inputIds())
        .feed(attentionMask, batch.attentionMask())
        .feed(labels, batch.labels());
    return seed == null ? runner : runner.feed(seed, batch.seed());
  }
}
