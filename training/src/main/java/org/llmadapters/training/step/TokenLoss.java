package org.llmadapters.training.step;

import java.util.List;
import org.llmadapters.training.data.Example;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.nn.SparseSoftmaxCrossEntropyWithLogits;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * Cross-entropy of next-token prediction: {@code logits[t]} predicts {@code labels[t + 1]}; a label
 * of -100 is not counted.
 */
final class TokenLoss {
  private final Ops tf;
  private final StepShape shape;
  private final Operand<TInt32> targets;

  /**
   * @param labels int32 [B, T]
   */
  TokenLoss(Ops tf, Operand<TInt32> labels, StepShape shape) {
    this.tf = tf;
    this.shape = shape;
    this.targets =
        tf.concat(
            List.of(
                tf.slice(
                    labels,
                    tf.constant(new int[] {0, 1}),
                    tf.constant(new int[] {shape.batch(), shape.length() - 1})),
                tf.fill(
                    tf.constant(new int[] {shape.batch(), 1}), tf.constant(Example.IGNORED_LABEL))),
            tf.constant(1));
  }

  /** Number of counted tokens: float32 []. */
  Operand<TFloat32> tokens() {
    return tf.sum(counted(flat(targets, shape.length())), tf.constant(new int[] {0}));
  }

  /**
   * Sum of the losses of all tokens: float32 [].
   *
   * @param logits float32 [B, T, V]
   */
  Operand<TFloat32> sum(Operand<TFloat32> logits) {
    return sum(logits, flat(targets, shape.length()));
  }

  /**
   * Sum of the losses of some columns: float32 [].
   *
   * @param logits float32 [B, length, V]
   * @param from the first column
   */
  Operand<TFloat32> sum(Operand<TFloat32> logits, int from, int length) {
    Operand<TInt32> part =
        tf.slice(
            targets,
            tf.constant(new int[] {0, from}),
            tf.constant(new int[] {shape.batch(), length}));
    return sum(logits, flat(part, length));
  }

  private Operand<TFloat32> sum(Operand<TFloat32> logits, Operand<TInt32> classes) {
    int rows = (int) classes.shape().size();
    Operand<TFloat32> flat = tf.reshape(logits, tf.constant(new int[] {rows, -1}));
    Operand<TFloat32> losses =
        SparseSoftmaxCrossEntropyWithLogits.create(
                tf.scope(), flat, tf.math.maximum(classes, tf.constant(0)))
            .loss();
    return tf.sum(tf.math.mul(losses, counted(classes)), tf.constant(new int[] {0}));
  }

  /** int32 [B, length] -> [B * length]. */
  private Operand<TInt32> flat(Operand<TInt32> columns, int length) {
    return tf.reshape(columns, tf.constant(new int[] {shape.batch() * length}));
  }

  /** 1 where a label counts, else 0. */
  private Operand<TFloat32> counted(Operand<TInt32> classes) {
    Operand<TBool> counted = tf.math.notEqual(classes, tf.constant(Example.IGNORED_LABEL));
    return tf.dtypes.cast(counted, TFloat32.class);
  }
}
