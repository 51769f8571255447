package org.llmadapters.graph.quantize;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

/**
 * Eight bits, symmetric: {@code w = (code - 128) * scale}, with one scale for each row of the
 * weight as it is stored, which is an output where it is stored [out, in].
 *
 * <p>{@code scale = max |w| / 127} of the row, so that no weight is off by more than {@code max |w|
 * / 254}. Source: Dettmers et al. 2022, arXiv:2208.07339, section 2.1.
 */
public final class Int8 {
  /** The code of zero. */
  public static final int ZERO = 128;

  /** The largest code is so far from that of zero. */
  public static final int LARGEST = 127;

  private Int8() {}

  /** Codes, uint8 [rows, columns], and scales, float32 [rows, 1]. */
  static List<Weight> variables(Weight weight) {
    return List.of(
        new Weight(weight.name() + ".codes", WeightDtype.UINT8, weight.shape()),
        new Weight(
            weight.name() + ".scales", WeightDtype.FLOAT32, List.of(weight.shape().get(0), 1L)));
  }

  static Operand<TFloat32> dequantize(Ops tf, Quantization.Variables variables) {
    Operand<TFloat32> codes = tf.dtypes.cast(variables.codes(0), TFloat32.class);
    return tf.math.mul(tf.math.sub(codes, tf.constant((float) ZERO)), variables.numbers(1));
  }
}
