package org.llmadapters.adapters;

import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/** Inverted dropout: an element is kept with probability {@code 1 - p} and then divided by it. */
final class Dropout {
  private Dropout() {}

  /**
   * {@code x} with elements dropped.
   *
   * @param x dtype [...]
   * @param probability of dropping an element, in (0, 1)
   * @param seed int32 [2]
   * @return dtype [...]
   */
  static Operand<TFloating> apply(
      Ops tf, Operand<TFloating> x, double probability, Operand<TInt32> seed, WeightDtype dtype) {
    float keep = (float) (1 - probability);
    Operand<TFloat32> uniform = tf.random.statelessRandomUniform(tf.shape(x), seed, TFloat32.class);
    Operand<TBool> kept = tf.math.less(uniform, tf.constant(keep));
    return tf.select(
        kept, tf.math.mul(x, TensorTypes.cast(tf, tf.constant(1 / keep), dtype)), tf.zerosLike(x));
  }
}
