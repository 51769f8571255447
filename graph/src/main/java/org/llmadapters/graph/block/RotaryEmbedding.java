package org.llmadapters.graph.block;

import java.util.List;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Rotary positions: the first R elements of a head are pairs, of which pair {@code i} turns by
 * {@code position * inverseFrequency[i]}; the others stay. Pair {@code i} is the elements {@code i}
 * and {@code i + R/2} in half-split order, {@code 2i} and {@code 2i + 1} in interleaved order.
 * Sines and cosines are made once per graph and shared by all layers.
 *
 * <p>Source: Su et al. 2021, arXiv:2104.09864; half-split order as in transformers' {@code
 * apply_rotary_pos_emb} of LLaMA, interleaved as in that of GPT-J.
 */
final class RotaryEmbedding {
  private final boolean interleaved;
  private final int rotaryDim;
  private final int headDim;
  private final Operand<TFloating> cos;
  private final Operand<TFloating> sin;

  /**
   * @param tf where the tables are made
   * @param headDim D
   * @param positionIds int32 [B, T], tokens
   * @param length int32 []: S, how many tokens keys are made of, padding included
   * @param dtype of the heads
   */
  RotaryEmbedding(
      Ops tf,
      RopeConfig rope,
      boolean interleaved,
      int headDim,
      Operand<TInt32> positionIds,
      Operand<TInt32> length,
      WeightDtype dtype) {
    this.interleaved = interleaved;
    this.rotaryDim = rope.rotaryDim();
    this.headDim = headDim;
    Operand<TFloat32> positions =
        tf.dtypes.cast(
            tf.expandDims(tf.expandDims(positionIds, tf.constant(-1)), tf.constant(-1)),
            TFloat32.class);
    Operand<TFloat32> angles =
        tf.math.mul(positions, inverseFrequencies(tf, rope, length)); // [B, T, 1, R/2]
    if (interleaved) {
      angles = tf.expandDims(angles, tf.constant(-1)); // [B, T, 1, R/2, 1]
    }
    this.cos = TensorTypes.cast(tf, tf.math.cos(angles), dtype);
    this.sin = TensorTypes.cast(tf, tf.math.sin(angles), dtype);
  }

  /** float32 [R/2], radians per token. */
  private static Operand<TFloat32> inverseFrequencies(
      Ops tf, RopeConfig rope, Operand<TInt32> length) {
    float[] frequencies = rope.inverseFrequencies();
    if (!(rope.scaling() instanceof RopeScaling.Dynamic dynamic) || rope.rotaryDim() == 2) {
      return tf.constant(frequencies);
    }
    // theta' = theta * growth^(R / (R - 2)), so theta'^(-2i / R) = theta^(-2i / R) *
    // growth^(-2i / (R - 2)).
    float[] exponents = new float[frequencies.length];
    for (int i = 0; i < exponents.length; i++) {
      exponents[i] = -2f * i / (rope.rotaryDim() - 2);
    }
    Operand<TFloat32> relative =
        tf.math.div(
            tf.dtypes.cast(length, TFloat32.class),
            tf.constant((float) dynamic.maxPositionEmbeddings()));
    float factor = (float) dynamic.factor();
    Operand<TFloat32> growth =
        tf.math.maximum(
            tf.constant(1f),
            tf.math.sub(tf.math.mul(relative, tf.constant(factor)), tf.constant(factor - 1))); // []
    return tf.math.mul(tf.constant(frequencies), tf.math.pow(growth, tf.constant(exponents)));
  }

  /**
   * Turns every head by its position.
   *
   * @param heads dtype [B, T, N or K, D]
   * @return the same shape, turned
   */
  Operand<TFloating> rotate(Ops tf, Operand<TFloating> heads) {
    if (rotaryDim == headDim) {
      return turn(tf, heads);
    }
    Operand<TFloating> turned = turn(tf, elements(tf, heads, 0, rotaryDim));
    Operand<TFloating> kept = elements(tf, heads, rotaryDim, headDim - rotaryDim);
    return tf.concat(List.of(turned, kept), tf.constant(-1));
  }

  private static Operand<TFloating> elements(
      Ops tf, Operand<TFloating> heads, int from, int count) {
    return tf.slice(
        heads, tf.constant(new int[] {0, 0, 0, from}), tf.constant(new int[] {-1, -1, -1, count}));
  }

  /** dtype [B, T, heads, R] -> [B, T, heads, R]. */
  private Operand<TFloating> turn(Ops tf, Operand<TFloating> heads) {
    if (!interleaved) {
      return turnHalves(tf, heads);
    }
    Operand<TInt32> shape = tf.shape(heads);
    Operand<TInt32> leading =
        tf.slice(shape, tf.constant(new int[] {0}), tf.constant(new int[] {3}));
    Operand<TFloating> pairs =
        tf.reshape(
            heads,
            tf.concat(List.of(leading, tf.constant(new int[] {rotaryDim / 2, 2})), tf.constant(0)));
    return tf.reshape(turnHalves(tf, pairs), shape);
  }

  /** The two halves of the last axis are the coordinates of the pairs. */
  private Operand<TFloating> turnHalves(Ops tf, Operand<TFloating> pairs) {
    var halves = tf.split(tf.constant(-1), pairs, 2L).output();
    Operand<TFloating> first = halves.get(0);
    Operand<TFloating> second = halves.get(1);
    return tf.concat(
        List.of(
            tf.math.sub(tf.math.mul(first, cos), tf.math.mul(second, sin)),
            tf.math.add(tf.math.mul(second, cos), tf.math.mul(first, sin))),
        tf.constant(-1));
  }
}
