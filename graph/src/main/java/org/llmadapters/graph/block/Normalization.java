package org.llmadapters.graph.block;

import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.spec.Norm;
import org.tensorflow.Operand;
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
   * The normalised hidden states.
   *
   * @param x dtype [B, T, H]
   * @return dtype [B, T, H]
   */
  Operand<TFloating> apply(Operand<TFloating> x) {
    return switch (norm) {
      case RMS_NORM -> rmsNorm(x);
    };
  }

  /**
   * {@code weight * (x * rsqrt(mean(x^2) + eps))}, the product in brackets rounded to dtype first.
   */
  private Operand<TFloating> rmsNorm(Operand<TFloating> x) {
    var tf = module.tf();
    Operand<TFloat32> wide = tf.dtypes.cast(x, TFloat32.class);
    Operand<TFloat32> meanSquare =
        tf.math.mean(tf.math.square(wide), tf.constant(-1), Mean.keepDims(true)); // [B, T, 1]
    Operand<TFloat32> scaled =
        tf.math.mul(wide, tf.math.rsqrt(tf.math.add(meanSquare, tf.constant((float) eps))));
    return tf.math.mul(
        TensorTypes.cast(tf, scaled, module.dtype()), module.parameter("weight", width));
  }
}
