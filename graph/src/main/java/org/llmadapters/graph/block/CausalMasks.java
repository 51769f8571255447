package org.llmadapters.graph.block;

import java.util.HashMap;
import java.util.Map;
import org.llmadapters.graph.config.AttentionConfig;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TInt32;

/**
 * Which keys a query may look at: real tokens that are not behind it and, with a window of W, whose
 * position is less than W before its own. One mask per window, shared by the layers that have it.
 */
final class CausalMasks {
  private final Ops tf;
  private final Operand<TInt32> queryPositions;
  private final Operand<TInt32> keyPositions;
  private final Operand<TBool> unrestricted;
  private final Map<Integer, Operand<TBool>> masks = new HashMap<>();

  /**
   * @param tf where the masks are made
   * @param columns int32 [T]: slots of the queries
   * @param slots int32 [S]: slots of the keys
   * @param attentionMask int32 [B, S]: 1 at real tokens
   * @param queryPositions int32 [B, T]: real tokens before each query
   * @param keyPositions int32 [B, S]: real tokens before each key
   */
  CausalMasks(
      Ops tf,
      Operand<TInt32> columns,
      Operand<TInt32> slots,
      Operand<TInt32> attentionMask,
      Operand<TInt32> queryPositions,
      Operand<TInt32> keyPositions) {
    this.tf = tf;
    this.queryPositions = queryPositions;
    this.keyPositions = keyPositions;
    Operand<TBool> notBehind =
        tf.math.greaterEqual(
            tf.expandDims(columns, tf.constant(-1)),
            tf.expandDims(slots, tf.constant(0))); // [T, S]
    Operand<TBool> real =
        tf.expandDims(
            tf.expandDims(tf.math.notEqual(attentionMask, tf.constant(0)), tf.constant(1)),
            tf.constant(1)); // [B, 1, 1, S]
    this.unrestricted = tf.math.logicalAnd(real, notBehind);
  }

  /** bool [B, 1, T, S] for a window in tokens, or {@link AttentionConfig#NO_WINDOW}. */
  Operand<TBool> of(int window) {
    return window == AttentionConfig.NO_WINDOW
        ? unrestricted
        : masks.computeIfAbsent(window, key -> tf.math.logicalAnd(unrestricted, within(key)));
  }

  /** bool [B, 1, T, S]. */
  private Operand<TBool> within(int window) {
    Operand<TInt32> distance =
        tf.math.sub(
            tf.expandDims(queryPositions, tf.constant(-1)),
            tf.expandDims(keyPositions, tf.constant(1))); // [B, T, S]
    return tf.expandDims(tf.math.less(distance, tf.constant(window)), tf.constant(1));
  }
}
