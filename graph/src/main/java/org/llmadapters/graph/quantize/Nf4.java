package org.llmadapters.graph.quantize;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * Four bits, "normal float": blocks of 64 weights that follow each other in the stored order are
 * divided by their largest magnitude, and each takes the nearest of sixteen levels, which are
 * quantiles of a normal distribution. A byte holds two codes, the first in its upper half; the last
 * block is filled up with zeros.
 *
 * <p>The magnitudes are quantized in their turn: {@code magnitude = (code - 128) * step + mean},
 * with one mean for a weight, and one step for every 256 of its blocks: 4.127 bits for each weight
 * in all.
 *
 * <p>Source: Dettmers et al. 2023, QLoRA, arXiv:2305.14314, section 3 and appendix E for the
 * levels. There the second quantization is to an 8-bit float; here it is to even steps.
 */
public final class Nf4 {
  /** Weights that share a magnitude. */
  public static final int BLOCK = 64;

  /** Magnitudes that share a step. */
  public static final int GROUP = 256;

  /** The levels by their codes. */
  private static final float[] LEVELS = {
    -1.0f,
    -0.6961928f,
    -0.52507305f,
    -0.3949175f,
    -0.28444138f,
    -0.18477343f,
    -0.091050036f,
    0.0f,
    0.0795803f,
    0.1609302f,
    0.2461123f,
    0.33791524f,
    0.44070983f,
    0.562617f,
    0.72295684f,
    1.0f
  };

  private Nf4() {}

  /** The number that a code stands for, before it is multiplied by its block's magnitude. */
  public static float level(int code) {
    return LEVELS[code];
  }

  /** The code of the level nearest to {@code value}. */
  public static int code(float value) {
    int code = 0;
    while (code < LEVELS.length - 1 && value > (LEVELS[code] + LEVELS[code + 1]) / 2) {
      code++;
    }
    return code;
  }

  /** Number of blocks of {@code weight}. */
  public static long blocks(Weight weight) {
    return (weight.elements() + BLOCK - 1) / BLOCK;
  }

  /** Number of groups of the blocks of {@code weight}. */
  public static long groups(Weight weight) {
    return (blocks(weight) + GROUP - 1) / GROUP;
  }

  /**
   * Codes, uint8 [blocks, 32]; codes of the magnitudes, uint8 [groups, 256]; their steps, float32
   * [groups, 1]; their mean, float32 [1].
   */
  static List<Weight> variables(Weight weight) {
    String name = weight.name();
    return List.of(
        new Weight(name + ".codes", WeightDtype.UINT8, List.of(blocks(weight), BLOCK / 2L)),
        new Weight(name + ".magnitudes", WeightDtype.UINT8, List.of(groups(weight), (long) GROUP)),
        new Weight(name + ".magnitudes.steps", WeightDtype.FLOAT32, List.of(groups(weight), 1L)),
        new Weight(name + ".magnitudes.mean", WeightDtype.FLOAT32, List.of(1L)));
  }

  static Operand<TFloat32> dequantize(Ops tf, Weight weight, Quantization.Variables variables) {
    int blocks = Math.toIntExact(blocks(weight));
    Operand<TFloat32> steps = tf.dtypes.cast(variables.codes(1), TFloat32.class);
    Operand<TFloat32> magnitudes =
        tf.math.add(
            tf.math.mul(tf.math.sub(steps, tf.constant((float) Int8.ZERO)), variables.numbers(2)),
            variables.numbers(3)); // [groups, 256]
    Operand<TFloat32> ofBlocks =
        tf.slice(
            tf.reshape(magnitudes, tf.constant(new int[] {-1, 1})),
            tf.constant(new int[] {0, 0}),
            tf.constant(new int[] {blocks, 1})); // [blocks, 1]
    Operand<TInt32> bytes = tf.dtypes.cast(variables.codes(0), TInt32.class);
    Operand<TFloat32> levels =
        tf.reshape(
            tf.gather(pairs(tf), bytes, tf.constant(0)), // [blocks, 32, 2]
            tf.constant(new int[] {blocks, BLOCK}));
    Operand<TFloat32> values = tf.math.mul(levels, ofBlocks);
    int elements = Math.toIntExact(weight.elements());
    if (elements < blocks * BLOCK) {
      values =
          tf.slice(
              tf.reshape(values, tf.constant(new int[] {-1})),
              tf.constant(new int[] {0}),
              tf.constant(new int[] {elements}));
    }
    long[] shape = weight.shape().stream().mapToLong(Long::longValue).toArray();
    return tf.reshape(values, tf.constant(shape));
  }

  /** The two levels that a byte stands for: float32 [256, 2]. */
  private static Operand<TFloat32> pairs(Ops tf) {
    float[] pairs = new float[256 * 2];
    for (int value = 0; value < 256; value++) {
      pairs[2 * value] = LEVELS[value >> 4];
      pairs[2 * value + 1] = LEVELS[value & 15];
    }
    return tf.constant(Shape.of(256, 2), DataBuffers.of(pairs, true, false));
  }
}
