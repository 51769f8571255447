package org.llmadapters.conversion.combine;

import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.Device;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.op.linalg.Qr;
import org.tensorflow.op.linalg.Svd;
import org.tensorflow.types.TFloat32;

/**
 * The factors B = U S and A = V^T of a matrix M = U S V^T, cut off after the {@code rank} largest
 * singular values: of all matrices of that rank B A is nearest to M. Computed in float32 by
 * TensorFlow; zeros stand for what {@code rank} is more than M can have.
 */
final class TruncatedSvd {
  private TruncatedSvd() {}

  /**
   * The factors of a whole matrix. Takes time in proportion to the cube of its size.
   *
   * @param matrix [out, in], row-major
   */
  static Factors ofMatrix(float[] matrix, int out, int in, int rank) {
    try (ModelSession session = new ModelSession(SessionOptions.on(Device.CPU));
        TFloat32 m = tensor(matrix, out, in)) {
      Ops tf = session.tf();
      Operand<TFloat32> input = tf.placeholder(TFloat32.class);
      Svd<TFloat32> svd = tf.linalg.svd(input, Svd.fullMatrices(false));
      return run(
          session.session().runner().feed(input, m), tf.math.mul(svd.u(), svd.s()), svd.v(), rank);
    }
  }

  /**
   * The factors of {@code B A}. Only a matrix of the size of the inner rank is decomposed: with B =
   * Q R and A^T = Q' R' the singular values of B A are those of R R'^T.
   */
  static Factors ofProduct(Factors product, int rank) {
    try (ModelSession session = new ModelSession(SessionOptions.on(Device.CPU));
        TFloat32 a = tensor(product.loraA(), product.r(), product.in());
        TFloat32 b = tensor(product.loraB(), product.out(), product.r())) {
      Ops tf = session.tf();
      Operand<TFloat32> loraA = tf.placeholder(TFloat32.class);
      Operand<TFloat32> loraB = tf.placeholder(TFloat32.class);
      Qr<TFloat32> left = tf.linalg.qr(loraB, Qr.fullMatrices(false));
      Qr<TFloat32> right =
          tf.linalg.qr(
              tf.linalg.transpose(loraA, tf.constant(new int[] {1, 0})), Qr.fullMatrices(false));
      Svd<TFloat32> svd =
          tf.linalg.svd(
              tf.linalg.matMul(left.r(), right.r(), MatMul.transposeB(true)),
              Svd.fullMatrices(false));
      return run(
          session.session().runner().feed(loraA, a).feed(loraB, b),
          tf.math.mul(tf.linalg.matMul(left.q(), svd.u()), svd.s()),
          tf.linalg.matMul(right.q(), svd.v()),
          rank);
    }
  }

  /**
   * Cuts off what TensorFlow gives.
   *
   * @param scaledU float32 [out, M]
   * @param v float32 [in, M]
   */
  private static Factors run(
      Session.Runner runner, Operand<TFloat32> scaledU, Operand<TFloat32> v, int rank) {
    try (Result result = runner.fetch(scaledU).fetch(v).run()) {
      TFloat32 left = (TFloat32) result.get(0);
      TFloat32 right = (TFloat32) result.get(1);
      int out = (int) left.shape().get(0);
      int in = (int) right.shape().get(0);
      int values = (int) left.shape().get(1);
      float[] u = values(left);
      float[] rows = values(right);
      float[] loraA = new float[rank * in];
      float[] loraB = new float[out * rank];
      for (int k = 0; k < Math.min(rank, values); k++) {
        for (int o = 0; o < out; o++) {
          loraB[o * rank + k] = u[o * values + k];
        }
        for (int i = 0; i < in; i++) {
          loraA[k * in + i] = rows[i * values + k];
        }
      }
      return new Factors(loraA, loraB, rank);
    }
  }

  private static TFloat32 tensor(float[] values, int rows, int columns) {
    return TFloat32.tensorOf(Shape.of(rows, columns), DataBuffers.of(values, true, false));
  }

  private static float[] values(TFloat32 tensor) {
    float[] values = new float[Math.toIntExact(tensor.size())];
    tensor.copyTo(DataBuffers.of(values, false, false));
    return values;
  }
}
