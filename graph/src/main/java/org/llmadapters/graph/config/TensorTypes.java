package org.llmadapters.graph.config;

import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TUint8;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TNumber;

/**
 * The bridge between the dtype of a model, known when its graph is built, and TensorFlow Java's
 * static types: tensors in the model's dtype are {@code Operand<TFloating>} throughout.
 */
public final class TensorTypes {
  private TensorTypes() {}

  /** {@code x} in {@code dtype}. */
  public static Operand<TFloating> cast(Ops tf, Operand<? extends TNumber> x, WeightDtype dtype) {
    return tf.dtypes.cast(x, of(dtype));
  }

  /**
   * TensorFlow Java's class for {@code dtype}. That of codes is none of floating-point tensors:
   * they are moved about like others, but computed with only where their real type is known.
   */
  @SuppressWarnings("unchecked")
  public static Class<TFloating> of(WeightDtype dtype) {
    Class<? extends TNumber> type =
        switch (dtype) {
          case FLOAT32 -> TFloat32.class;
          case BFLOAT16 -> TBfloat16.class;
          case FLOAT16 -> TFloat16.class;
          case UINT8 -> TUint8.class;
        };
    return (Class<TFloating>) (Class<?>) type;
  }
}
