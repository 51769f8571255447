package org.llmadapters.graph.block;

import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.family.TFloating;

/**
 * The batched matrix product {@code BatchMatMulV2}. {@code tf.train.batchMatMul} would give {@code
 * BatchMatMulV3}, for which oneDNN has no kernel: 11 % of a whole training step without XLA.
 */
public final class BatchProduct {
  private BatchProduct() {}

  /**
   * {@code x y}, or {@code x y^T}, over the last two axes.
   *
   * @param x dtype [..., M, K]
   * @param y dtype [..., K, N], or [..., N, K] where {@code transposeY}
   * @return dtype [..., M, N]
   */
  public static Operand<TFloating> of(
      Ops tf, Operand<TFloating> x, Operand<TFloating> y, boolean transposeY) {
    return tf.scope()
        .env()
        .opBuilder("BatchMatMulV2", tf.scope().makeOpName("BatchMatMulV2"), tf.scope())
        .addInput(x.asOutput())
        .addInput(y.asOutput())
        .setAttr("adj_x", false)
        .setAttr("adj_y", transposeY)
        .build()
        .output(0);
  }
}
