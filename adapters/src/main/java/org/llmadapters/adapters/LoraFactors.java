package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.linalg.MatMul;
import org.tensorflow.op.linalg.Qr;
import org.tensorflow.op.linalg.Svd;
import org.tensorflow.types.TFloat32;

/**
 * How LoRA's factors at one layer start where neither is drawn by itself: {@link
 * LoraInit.Scheme#ORTHOGONAL}, {@link LoraInit.Scheme#PISSA} and {@link LoraInit.Scheme#OLORA}.
 *
 * @param init one of these
 * @param weight of the layer, [out, in] or [in, out]
 * @param layout which of the two
 * @param r rank
 * @param scaling of the adapter at this layer
 */
public record LoraFactors(
    LoraInit init, Weight weight, WeightLayout layout, int r, double scaling) {

  /**
   * Initial values.
   *
   * @param a float32 [r, in]
   * @param b float32 [out, r]
   */
  record Values(Operand<TFloat32> a, Operand<TFloat32> b) {}

  /** Width of the layer's input. */
  long inFeatures() {
    return weight.shape().get(layout == WeightLayout.OUT_IN ? 1 : 0);
  }

  /** Width of the layer's output. */
  long outFeatures() {
    return weight.shape().get(layout == WeightLayout.OUT_IN ? 0 : 1);
  }

  /** What stands against such a start at {@code module}, each with what was got. */
  List<String> problems(String module) {
    List<String> problems = new ArrayList<>();
    if (init.scheme() == LoraInit.Scheme.ORTHOGONAL && r % 2 != 0) {
      problems.add("orthogonal needs an even rank, got r = " + r);
    }
    if (init.takesFromBase()) {
      long most = Math.min(inFeatures(), outFeatures());
      if (r > most) {
        problems.add(init.fileName() + " finds a rank of at most " + most + " there, got r = " + r);
      }
      if (!weight.name().equals(module + ".weight")) {
        problems.add(
            init.fileName()
                + " changes the weight, which is also "
                + weight.name()
                + " (tie_word_embeddings); leave the module out");
      }
    }
    return problems;
  }

  /**
   * The values to start with.
   *
   * @param stored float32: the layer's weight, as it is stored
   * @param seed of what is random
   */
  Values of(Ops tf, Operand<TFloat32> stored, long seed) {
    return switch (init.scheme()) {
      case ORTHOGONAL -> orthogonal(tf, seed);
      case PISSA -> pissa(tf, asStored(tf, stored), seed);
      case OLORA -> olora(tf, asStored(tf, stored));
      case KAIMING, RANDOM, GAUSSIAN ->
          throw new IllegalStateException(init.fileName() + " draws each factor by itself");
    };
  }

  /**
   * What is left of the weight: {@code W - scaling * B A}.
   *
   * @param stored float32: the layer's weight, as it is stored
   * @return float32, in the same layout
   */
  Operand<TFloat32> residual(Ops tf, Operand<TFloat32> stored, Values values) {
    Operand<TFloat32> taken = tf.linalg.matMul(values.b(), values.a());
    return tf.math.sub(stored, tf.math.mul(asStored(tf, taken), tf.constant((float) scaling)));
  }

  /** [out, in] to the layout of the weight, and back. */
  private Operand<TFloat32> asStored(Ops tf, Operand<TFloat32> matrix) {
    return layout == WeightLayout.OUT_IN ? matrix : transpose(tf, matrix);
  }

  private Values orthogonal(Ops tf, long seed) {
    Operand<TFloat32> q = orthonormal(tf, normal(tf, r, r, seed, 0));
    Operand<TFloat32> pairs = tf.reshape(q, tf.constant(new long[] {r / 2, 2, r}));
    Operand<TFloat32> tenth = tf.constant(0.1f);
    Operand<TFloat32> a =
        tf.linalg.matMul(
            row(tf, pairs, 0),
            normal(tf, inFeatures(), r / 2, seed, 1),
            MatMul.transposeA(true),
            MatMul.transposeB(true));
    Operand<TFloat32> b =
        tf.linalg.matMul(normal(tf, outFeatures(), r / 2, seed, 2), row(tf, pairs, 1));
    return new Values(tf.math.mul(a, tenth), tf.math.mul(b, tenth));
  }

  /** One row of each pair of rows: [r / 2, 2, r] to [r / 2, r]. */
  private static Operand<TFloat32> row(Ops tf, Operand<TFloat32> pairs, int index) {
    return tf.gather(pairs, tf.constant(index), tf.constant(1));
  }

  private Values pissa(Ops tf, Operand<TFloat32> weight, long seed) {
    if (init.niter().isEmpty()) {
      return largest(tf, tf.linalg.svd(weight, Svd.fullMatrices(false)));
    }
    Operand<TFloat32> q =
        orthonormal(tf, tf.linalg.matMul(weight, normal(tf, inFeatures(), r, seed, 0)));
    for (int i = 0; i < init.niter().getAsInt(); i++) {
      q = orthonormal(tf, tf.linalg.matMul(weight, q, MatMul.transposeA(true)));
      q = orthonormal(tf, tf.linalg.matMul(weight, q));
    }
    Operand<TFloat32> seen = tf.linalg.matMul(q, weight, MatMul.transposeA(true)); // [r, in]
    Values values = largest(tf, tf.linalg.svd(seen, Svd.fullMatrices(false)));
    return new Values(values.a(), tf.linalg.matMul(q, values.b()));
  }

  private Values largest(Ops tf, Svd<TFloat32> svd) {
    Operand<TFloat32> s = tf.slice(svd.s(), tf.constant(new int[] {0}), tf.constant(new int[] {r}));
    Operand<TFloat32> root = tf.math.sqrt(tf.math.div(s, tf.constant((float) scaling)));
    Operand<TFloat32> a = tf.math.mul(columns(tf, svd.v()), root);
    return new Values(transpose(tf, a), tf.math.mul(columns(tf, svd.u()), root));
  }

  private Values olora(Ops tf, Operand<TFloat32> weight) {
    Qr<TFloat32> qr = tf.linalg.qr(weight);
    Operand<TFloat32> a =
        tf.slice(qr.r(), tf.constant(new int[] {0, 0}), tf.constant(new int[] {r, -1}));
    return new Values(a, columns(tf, qr.q()));
  }

  /** The first r columns. */
  private Operand<TFloat32> columns(Ops tf, Operand<TFloat32> matrix) {
    return tf.slice(matrix, tf.constant(new int[] {0, 0}), tf.constant(new int[] {-1, r}));
  }

  /** Orthonormal columns that span the same. */
  private static Operand<TFloat32> orthonormal(Ops tf, Operand<TFloat32> matrix) {
    return tf.linalg.qr(matrix).q();
  }

  private static Operand<TFloat32> transpose(Ops tf, Operand<TFloat32> matrix) {
    return tf.linalg.transpose(matrix, tf.constant(new int[] {1, 0}));
  }

  private static Operand<TFloat32> normal(Ops tf, long rows, long columns, long seed, long stream) {
    return tf.random.statelessRandomNormal(
        tf.constant(new long[] {rows, columns}),
        tf.constant(new long[] {seed, stream}),
        TFloat32.class);
  }
}
