package org.llmadapters.graph.block;

import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;
import org.tensorflow.Operand;
import org.tensorflow.framework.activations.Swish;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/** The non-linearities, element by element. */
public final class Activations {
  private static final float SQRT_2_OVER_PI = (float) Math.sqrt(2 / Math.PI);

  private Activations() {}

  /**
   * {@code activation} of every element. Those with more than one rounding step inside are computed
   * in float32 and rounded once.
   *
   * @param x dtype [...]
   * @return dtype [...]
   */
  public static Operand<TFloating> apply(
      Ops tf, Activation activation, Operand<TFloating> x, WeightDtype dtype) {
    return switch (activation) {
      case SILU -> Swish.swish(tf, x);
      case RELU -> tf.nn.relu(x);
      case TANH -> tf.math.tanh(x);
      case SIGMOID -> tf.math.sigmoid(x);
      case RELU6 -> tf.nn.relu6(x);
      case GELU, GELU_TANH, QUICK_GELU -> {
        Operand<TFloat32> wide = tf.dtypes.cast(x, TFloat32.class);
        yield TensorTypes.cast(tf, tf.math.mul(wide, share(tf, activation, wide)), dtype);
      }
    };
  }

  /** What {@code x} is multiplied by: float32 [...]. */
  private static Operand<TFloat32> share(Ops tf, Activation activation, Operand<TFloat32> x) {
    if (activation == Activation.QUICK_GELU) {
      return tf.math.sigmoid(tf.math.mul(x, tf.constant(1.702f)));
    }
    Operand<TFloat32> curve =
        activation == Activation.GELU
            ? tf.math.erf(tf.math.mul(x, tf.constant((float) Math.sqrt(0.5))))
            : tf.math.tanh(
                tf.math.mul(
                    tf.math.mul(x, tf.constant(SQRT_2_OVER_PI)),
                    tf.math.add(
                        tf.constant(1f), tf.math.mul(tf.math.square(x), tf.constant(0.044715f)))));
    return tf.math.mul(tf.math.add(curve, tf.constant(1f)), tf.constant(0.5f));
  }
}
