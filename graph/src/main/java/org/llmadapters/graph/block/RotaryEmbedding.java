package org.llmadapters.graph.block;

import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Rotary positions in half-split order: elements {@code i} and {@code i + D/2} of a head are a pair
 * that turns by {@code position * inverseFrequency[i]}. Sines and cosines are made once per graph
 * and shared by all layers.
 *
 * <p>Source: Su et al. 2021, arXiv:2104.09864; half-split order as in transformers' {@code
 * apply_rotary_pos_emb}.
 */
final class RotaryEmbedding {
  private final Operand<TFloating> cos;
  private final Operand<TFloating> sin;

  /**
   * @param tf where the tables are made
   * @param positionIds int32 [B, T], tokens
   * @param headDim D
   * @param dtype of the heads
   */
  RotaryEmbedding(
      Ops tf, RopeConfig rope, int headDim, Operand<TInt32> positionIds, WeightDtype dtype) {
    Operand<TFloat32> positions =
        tf.dtypes.cast(
            tf.expandDims(tf.expandDims(positionIds, tf.constant(-1)), tf.constant(-1)),
            TFloat32.class);
    Operand<TFloat32> angles =
        tf.math.mul(positions, tf.constant(rope.inverseFrequencies(headDim))); // [B, T, 1, D/2]
    this.cos = TensorTypes.cast(tf, tf.math.cos(angles), dtype);
    this.sin = TensorTypes.cast(tf, tf.math.sin(angles), dtype);
  }

  /**
   * Turns every head by its position.
   *
   * @param heads dtype [B, T, N or K, D]
   * @return the same shape, turned
   */
  Operand<TFloating> rotate(Ops tf, Operand<TFloating> heads) {
    var halves = tf.split(tf.constant(-1), heads, 2L).output();
    Operand<TFloating> first = halves.get(0);
    Operand<TFloating> second = halves.get(1);
    return tf.concat(
        java.util.List.of(
            tf.math.sub(tf.math.mul(first, cos), tf.math.mul(second, sin)),
            tf.math.add(tf.math.mul(second, cos), tf.math.mul(first, sin))),
        tf.constant(-1));
  }
}
