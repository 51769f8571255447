package org.llmadapters.graph.block;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.index.Indices;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TInt32;

/**
 * The shape vectors that a graph's reshapes need, each made once. B and T are only known when the
 * graph runs; where they are static, as in a training step, all of this folds into constants.
 */
public final class TokenShapes {
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
    this.batch = size(tf, inputIds, 0);
    this.tokens = size(tf, inputIds, 1);
  }

  /** int32 []: the size of one axis of {@code x}. */
  public static Operand<TInt32> size(Ops tf, Operand<?> x, int axis) {
    return tf.stridedSlice(tf.shape(x), Indices.at(axis));
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

  private Operand<TInt32> stack(Object... sizes) {
    List<Operand<TInt32>> scalars = new ArrayList<>();
    for (Object size : sizes) {
      scalars.add(scalar(size));
    }
    return tf.stack(scalars);
  }

  @SuppressWarnings("unchecked")
  private Operand<TInt32> scalar(Object size) {
    return size instanceof Number value ? tf.constant(value.intValue()) : (Operand<TInt32>) size;
  }
}
