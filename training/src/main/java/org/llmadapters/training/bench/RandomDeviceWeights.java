package org.llmadapters.training.bench;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Random weights for measuring, made by TensorFlow where the variables lie: seven billion of them
 * take seconds on a GPU, where drawing them in Java and moving them there takes many minutes.
 *
 * <p>Matrices are normally distributed with deviation 0.02, norms are one, biases zero, codes of
 * quantized weights any. Values depend on the seed and on the variable's place in the list. They
 * are not those of {@code RandomWeights}, which training from random weights starts with.
 */
final class RandomDeviceWeights {
  private static final float DEVIATION = 0.02f;

  /** Float32 elements that are drawn in one call: 1 GiB of them, or a single variable. */
  private static final long DRAWN_AT_ONCE = 1L << 28;

  private RandomDeviceWeights() {}

  /** Gives {@code weights}, which {@code session} has declared, values drawn from {@code seed}. */
  static void assign(ModelSession session, List<Weight> weights, int seed) {
    Session.Runner runner = session.session().runner();
    long drawn = 0;
    for (int i = 0; i < weights.size(); i++) {
      Weight weight = weights.get(i);
      if (drawn > 0 && drawn + weight.elements() > DRAWN_AT_ONCE) {
        runner.run().close();
        runner = session.session().runner();
        drawn = 0;
      }
      runner.addTarget(assignment(session, weight, seed, i));
      drawn += weight.elements();
    }
    if (drawn > 0) {
      runner.run().close();
    }
  }

  private static Op assignment(ModelSession session, Weight weight, int seed, int index) {
    Ops tf = session.tf();
    Operand<TInt32> seeds = tf.constant(new int[] {seed, index});
    return tf.assignVariableOp(session.handle(weight), values(tf, weight, seeds));
  }

  private static Operand<TFloating> values(Ops tf, Weight weight, Operand<TInt32> seeds) {
    var shape = tf.constant(weight.shape().stream().mapToLong(Long::longValue).toArray());
    Class<TFloating> type = TensorTypes.of(weight.dtype());
    if (weight.dtype() == WeightDtype.UINT8) {
      return tf.dtypes.cast(
          tf.random.statelessRandomUniformInt(shape, seeds, tf.constant(0), tf.constant(256)),
          type);
    }
    if (weight.shape().size() < 2) {
      float value = weight.name().endsWith(".bias") ? 0 : 1;
      return tf.dtypes.cast(tf.fill(shape, tf.constant(value)), type);
    }
    Operand<TFloat32> normal = tf.random.statelessRandomNormal(shape, seeds, TFloat32.class);
    return tf.dtypes.cast(tf.math.mul(normal, tf.constant(DEVIATION)), type);
  }
}
