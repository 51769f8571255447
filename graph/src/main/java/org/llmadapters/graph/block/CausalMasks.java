package org.llmadapters.graph.block;

import java.util.HashMap;
import java.util.Map;
import org.llmadapters.graph.config.AttentionConfig;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TInt32;

/**
 * Which keys a query may look at: real tokens that are not behind it and, with a window of W, less
 * than W slots before it. One mask per window, shared by the layers that have it.
 */
final class CausalMasks {
  private final Ops tf;
  private final Operand<TInt32> distance;
  private final Operand<TBool> real;
  private final Map<Integer, Operand<TBool>> masks = new HashMap<>();

  /**
   * @param tf where the masks are made
   * @param columns int32 [T]: slots of the queries
   * @param slots int32 [S]: slots of the keys
   * @param attentionMask int32 [B, S]: 1 at real tokens
   */
  CausalMasks(
      Ops tf, Operand<TInt32> columns, Operand<TInt32> slots, Operand<TInt32> attentionMask) {
    this.tf = tf;
    this.distance =
        tf.math.sub(
            tf.expandDims(columns, tf.constant(-1)),
            tf.expandDims(slots, tf.constant(0))); // [T, S]
    this.real =
        tf.expandDims(
            tf.expandDims(tf.math.notEqual(attentionMask, tf.constant(0)), tf.constant(1)),
            tf.constant(1)); // [B, 1, 1, S]
  }

  /** bool [B, 1, T, S] for a window in tokens, or {@link AttentionConfig#NO_WINDOW}. */
  Operand<TBool> of(int window) {
    return masks.computeIfAbsent(
        window,
        key -> {
          Operand<TBool> seen = tf.math.greaterEqual(distance, tf.constant(0));
          if (window != AttentionConfig.NO_WINDOW) {
            seen = tf.math.logicalAnd(seen, tf.math.less(distance, tf.constant(window)));
          }
          return tf.math.logicalAnd(real, seen);
        });
  }
}
