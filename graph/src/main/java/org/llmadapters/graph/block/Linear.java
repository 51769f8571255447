package org.llmadapters.graph.block;

import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.types.family.TFloating;

/**
 * {@code y = x W^T + b} with a weight [out, in], or {@code y = x W + b} with one [in, out], as the
 * checkpoint stores it.
 *
 * <p>A site: the nodes {@code <path>/input} and {@code <path>/output} are what adapters attach to.
 */
final class Linear {
  private final Module module;
  private final String weightName;
  private final WeightLayout layout;
  private final long in;
  private final long out;
  private final boolean bias;

  /** The linear layer {@code module} with a weight of its own. */
  Linear(Module module, WeightLayout layout, long in, long out, boolean bias) {
    this(module, module.path() + ".weight", layout, in, out, bias);
  }

  /**
   * The linear layer {@code module} with the weight called {@code weightName}, as a tied output
   * layer needs.
   */
  Linear(Module module, String weightName, WeightLayout layout, long in, long out, boolean bias) {
    this.module = module;
    this.weightName = weightName;
    this.layout = layout;
    this.in = in;
    this.out = out;
    this.bias = bias;
  }

  /**
   * The layer's output.
   *
   * @param x dtype [B, T, in]
   * @return dtype [B, T, out]
   */
  Operand<TFloating> apply(Operand<TFloating> x, TokenShapes shapes) {
    var tf = module.tf();
    boolean outIn = layout == WeightLayout.OUT_IN;
    Operand<TFloating> input = tf.withName("input").identity(x);
    Operand<TFloating> weight =
        outIn
            ? module.variables().read(weightName, out, in)
            : module.variables().read(weightName, in, out);
    Operand<TFloating> rows = tf.reshape(input, shapes.rows(in)); // [B * T, in]
    Operand<TFloating> y =
        tf.withName("MatMul").linalg.matMul(rows, weight, MatMul.transposeB(outIn));
    if (bias) {
      y = tf.nn.biasAdd(y, module.parameter("bias", out));
    }
    return tf.withName("output").identity(tf.reshape(y, shapes.hidden(out))); // [B, T, out]
  }
}
