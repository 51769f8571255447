package org.llmadapters.graph.block;

import java.util.HashMap;
import java.util.Map;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Stack;
import org.tensorflow.types.TInt32;

/**
 * The shape vectors that a graph's reshapes need, each made once. B and T are only known when the
 * graph runs; where they are static, as in a training step, all of this folds into constants.
 */
final class TokenShapes {
  private final Ops tf;
  private final Operand<TInt32> batch;
  private final Operand<TInt32> tokens;
  private final Map<String, Operand<TInt32>> vectors = new HashMap<>();

  /**
   * @param tf where the vectors are made
   * @param inputIds int32 [B, T]
   */
  TokenShapes(Ops tf, Operand<TInt32> inputIds) {
    this.tf = tf;
    this.batch = tf.shape.size(inputIds, tf.constant(0));
    this.tokens = tf.shape.size(inputIds, tf.constant(1));
  }

  /** int32 []: B. */
  Operand<TInt32> batch() {
    return batch;
  }

  /** int32 []: T. */
  Operand<TInt32> tokens() {
    return tokens;
  }

  /** int32 [2]: the matrix with one row per token, [B * T, width]. */
  Operand<TInt32> rows(long width) {
    return vectors.computeIfAbsent("rows" + width, key -> tf.constant(new int[] {-1, (int) width}));
  }

  /** int32 [3]: [B, T, width]. */
  Operand<TInt32> hidden(long width) {
    return vectors.computeIfAbsent("hidden" + width, key -> stack(batch, tokens, width));
  }

  /** int32 [4]: [B, T, heads, headDim]. */
  Operand<TInt32> heads(long heads, long headDim) {
    return vectors.computeIfAbsent(
        "heads" + heads + "x" + headDim, key -> stack(batch, tokens, heads, headDim));
  }

  /** int32 [4]: [B, K, G * T, D], the queries of a key/value head under each other. */
  Operand<TInt32> groupedQueries(long keyValueHeads, long headDim) {
    return vectors.computeIfAbsent(
        "grouped" + keyValueHeads + "x" + headDim, key -> stack(batch, keyValueHeads, -1, headDim));
  }

  /** int32 [4]: [B, N, T, last], where last may be -1 for what is left. */
  Operand<TInt32> headsFirst(long heads, long last) {
    return vectors.computeIfAbsent(
        "first" + heads + "x" + last, key -> stack(batch, heads, tokens, last));
  }

  private Stack<TInt32> stack(Object... sizes) {
    return tf.stack(java.util.Arrays.stream(sizes).map(this::scalar).toList());
  }

  @SuppressWarnings("unchecked")
  private Operand<TInt32> scalar(Object size) {
    return size instanceof Long value ? tf.constant(value.intValue()) : (Operand<TInt32>) size;
  }
}
