package org.llmadapters.graph.block;

import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.spec.Norm;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.math.Mean;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/** The norm of a family, with statistics in float32 as in Hugging Face's implementations. */
final class Normalization {
  private final Module module;
  private final Norm norm;
  private final long width;
  private final double eps;

  Normalization(Module module, Norm norm, long width, double eps) {
    this.module = module;
    this.norm = norm;
    this.width = width;
    this.eps = eps;
  }

  /**
   * The normalised values.
   *
   * @param x dtype [..., width]
   * @return dtype [..., width]
   */
  Operand<TFloating> apply(Operand<TFloating> x) {
    Ops tf = module.tf();
    Operand<TFloat32> wide = tf.dtypes.cast(x, TFloat32.class);
    return switch (norm) {
      case RMS_NORM ->
          // Rounded to dtype before the weight is multiplied in.
          tf.math.mul(TensorTypes.cast(tf, unit(wide), module.dtype()), parameter("weight"));
      case RMS_NORM_ONE_PLUS_WEIGHT ->
          TensorTypes.cast(
              tf,
              tf.math.mul(unit(wide), tf.math.add(tf.constant(1f), wideParameter("weight"))),
              module.dtype());
      case LAYER_NORM -> {
        Operand<TFloat32> centred =
            tf.math.sub(wide, tf.math.mean(wide, tf.constant(-1), Mean.keepDims(true)));
        yield TensorTypes.cast(
            tf,
            tf.math.add(tf.math.mul(unit(centred), wideParameter("weight")), wideParameter("bias")),
            module.dtype());
      }
    };
  }

  /** {@code x * rsqrt(mean(x^2) + eps)} along the last axis. */
  private Operand<TFloat32> unit(Operand<TFloat32> x) {
    Ops tf = module.tf();
    Operand<TFloat32> meanSquare =
        tf.math.mean(tf.math.square(x), tf.constant(-1), Mean.keepDims(true)); // [..., 1]
    return tf.math.mul(x, tf.math.rsqrt(tf.math.add(meanSquare, tf.constant((float) eps))));
  }

  private Operand<TFloating> parameter(String name) {
    return module.parameter(name, width);
  }

  private Operand<TFloat32> wideParameter(String name) {
    return module.tf().dtypes.cast(parameter(name), TFloat32.class);
  }
}
