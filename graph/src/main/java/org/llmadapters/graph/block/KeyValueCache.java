package org.llmadapters.graph.block;

import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Keys and values of the tokens seen so far, S slots per row; the new T tokens go into the slots
 * {@code [cachePosition, cachePosition + T)}. Written with a select, which compiles under XLA at
 * any T and any position, where a scatter would be slow and a concatenation would change shape.
 */
final class KeyValueCache {
  private final Operand<TInt32> source;
  private final Operand<TBool> written;

  /**
   * @param tf where the slot masks are made
   * @param cachePosition int32 []: slot of the first new token
   * @param tokens int32 []: T
   * @param slots int32 []: S
   */
  KeyValueCache(
      Ops tf, Operand<TInt32> cachePosition, Operand<TInt32> tokens, Operand<TInt32> slots) {
    Operand<TInt32> zero = tf.constant(0);
    Operand<TInt32> offset =
        tf.math.sub(tf.range(zero, slots, tf.constant(1)), cachePosition); // [S]
    Operand<TInt32> last = tf.math.sub(tokens, tf.constant(1));
    this.source = tf.math.minimum(tf.math.maximum(offset, zero), last); // [S]
    this.written =
        tf.expandDims(
            tf.math.logicalAnd(tf.math.greaterEqual(offset, zero), tf.math.lessEqual(offset, last)),
            tf.constant(-1)); // [S, 1]
  }

  /**
   * Writes new keys (or values) over their slots of {@code old}.
   *
   * @param old dtype [B, K, S, D]
   * @param fresh dtype [B, K, T, D]
   * @return dtype [B, K, S, D]
   */
  Operand<TFloating> write(Ops tf, Operand<TFloating> old, Operand<TFloating> fresh) {
    Operand<TFloating> spread = tf.gather(fresh, source, tf.constant(2)); // [B, K, S, D]
    return tf.select(written, spread, old);
  }
}
