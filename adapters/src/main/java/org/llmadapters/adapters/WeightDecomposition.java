package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.adapters.AdapterParameter.Initializer.OutputNorms;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/**
 * What DoRA adds to LoRA: {@code (m / n) * (W x + scaling * B A x) + bias}, where {@code m} [out]
 * is trained and {@code n} [out] is the norm of every output's row of {@code W + scaling * B A}.
 * The norm takes no part in the gradient. {@code m} starts as the norm of the base's weight, so a
 * new adapter changes nothing.
 *
 * <p>Source: Liu et al. 2024, arXiv:2402.09353, with section 4.3 for the gradient; PEFT, {@code
 * tuners/lora/dora.py}.
 */
final class WeightDecomposition {
  /** PEFT's name of {@code m}. */
  static final String MAGNITUDE = "lora_magnitude_vector";

  private WeightDecomposition() {}

  /**
   * The layer's output. As the base's output is there already, with its bias, it is {@code output +
   * (m / n - 1) * W x + (m / n) * update}.
   *
   * @param dropped dtype [B, T, in]: the input after dropout, which acts on {@code W x}, too; the
   *     input itself where there is none
   * @param input dtype [B, T, in]
   * @param output dtype [B, T, out]
   * @param update dtype [B, T, out]: {@code scaling * B A dropped}
   * @param change float32 [out, in]: {@code scaling * B A}
   * @return dtype [B, T, out]
   */
  static Operand<TFloating> apply(
      Ops tf,
      LinearSite site,
      Operand<TFloating> dropped,
      Operand<TFloating> input,
      Operand<TFloating> output,
      Operand<TFloating> update,
      Operand<TFloat32> change,
      AdapterParameters parameters) {
    boolean outIn = site.layout() == WeightLayout.OUT_IN;
    OutputNorms norms = new OutputNorms(parameters.weightVariable(), site.layout());
    Operand<TFloating> weight = parameters.weight();
    Operand<TFloat32> wide = tf.dtypes.cast(weight, TFloat32.class);
    Operand<TFloat32> changed =
        tf.math.add(
            wide, outIn ? change : tf.linalg.transpose(change, tf.constant(new int[] {1, 0})));
    Operand<TFloat32> magnitude =
        parameters.trainable(MAGNITUDE, List.of(site.outFeatures()), norms);
    Operand<TFloat32> factor = tf.math.div(magnitude, tf.stopGradient(norms.of(tf, changed)));
    Operand<TFloating> product =
        dropped.equals(input)
            ? parameters.product()
            : tf.linalg.matMul(
                tf.reshape(dropped, tf.constant(new int[] {-1, (int) site.inFeatures()})),
                weight,
                MatMul.transposeB(outIn));
    Operand<TFloating> base = tf.reshape(product, tf.shape(output)); // [B, T, out]
    WeightDtype dtype = site.dtype();
    Operand<TFloat32> less = tf.math.sub(factor, tf.constant(1f));
    return tf.math.add(
        output,
        tf.math.add(
            tf.math.mul(base, TensorTypes.cast(tf, less, dtype)),
            tf.math.mul(update, TensorTypes.cast(tf, factor, dtype))));
  }
}
