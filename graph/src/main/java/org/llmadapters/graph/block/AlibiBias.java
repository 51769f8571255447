package org.llmadapters.graph.block;

import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * Attention with linear biases: {@code slope[n] * position} is added to the scores of head {@code
 * n} for a key at {@code position}. Softmax only sees differences, so this equals a penalty of
 * {@code slope[n]} per token of distance.
 *
 * <p>Slopes for N heads, N a power of two: {@code 2^(-8 (n + 1) / N)}. Else those of the largest
 * power of two P below N, then every second one of those for 2 P. Source: Press et al. 2021,
 * arXiv:2108.12409; transformers, {@code build_alibi_tensor} of {@code modeling_bloom.py}.
 */
final class AlibiBias {
  private final Operand<TFloat32> bias;

  /**
   * @param tf where the biases are made
   * @param keyPositions int32 [B, S], tokens
   */
  AlibiBias(Ops tf, int numAttentionHeads, Operand<TInt32> keyPositions) {
    Operand<TFloat32> positions =
        tf.dtypes.cast(
            tf.expandDims(tf.expandDims(keyPositions, tf.constant(1)), tf.constant(1)),
            TFloat32.class); // [B, 1, 1, S]
    Operand<TFloat32> slopes =
        tf.reshape(
            tf.constant(slopes(numAttentionHeads)),
            tf.constant(new int[] {1, numAttentionHeads, 1, 1}));
    this.bias = tf.math.mul(slopes, positions);
  }

  /** float32 [B, N, 1, S], to be added to the scores. */
  Operand<TFloat32> bias() {
    return bias;
  }

  /** The slope of each head: [N]. */
  static float[] slopes(int numAttentionHeads) {
    int power = Integer.highestOneBit(numAttentionHeads);
    float[] slopes = new float[numAttentionHeads];
    for (int n = 0; n < numAttentionHeads; n++) {
      double exponent = n < power ? -8.0 * (n + 1) / power : -4.0 * (2 * (n - power) + 1) / power;
      slopes[n] = (float) Math.pow(2, exponent);
    }
    return slopes;
  }
}
