package org.llmadapters.graph.compile;

import java.util.List;
import org.llmadapters.graph.block.TokenShapes;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Gather;
import org.tensorflow.op.core.Max;
import org.tensorflow.op.core.Min;
import org.tensorflow.op.core.ReduceSum;
import org.tensorflow.op.core.Stack;
import org.tensorflow.op.math.Cumsum;
import org.tensorflow.op.nn.TopK;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/** The operations of {@link SamplingConfig}. XLA compiles them all. */
final class NextToken {
  private NextToken() {}

  /**
   * {@code scores} with those of tokens that occurred divided by {@code penalty} if positive, and
   * multiplied if negative.
   *
   * <p>Source: RepetitionPenaltyLogitsProcessor of transformers (Keskar et al. 2019,
   * arXiv:1909.05858).
   *
   * @param scores float32 [R, V]
   * @param sequences int32 [R, L]: the tokens that occurred in each row, in any order, any number
   *     of times
   * @return float32 [R, V]
   */
  static Operand<TFloat32> penalised(
      Ops tf, Operand<TFloat32> scores, Operand<TInt32> sequences, double penalty) {
    Operand<TInt32> one = tf.constant(1);
    Operand<TFloat32> factor = tf.constant((float) penalty);
    Operand<TFloat32> found = tf.gather(scores, sequences, one, Gather.batchDims(1L)); // [R, L]
    Operand<TFloat32> changed =
        tf.select(
            tf.math.less(found, tf.constant(0f)),
            tf.math.mul(found, factor),
            tf.math.div(found, factor));
    Operand<TInt32> rows =
        tf.broadcastTo(
            tf.expandDims(tf.range(tf.constant(0), TokenShapes.size(tf, sequences, 0), one), one),
            tf.shape(sequences)); // [R, L]
    // A token that occurs twice is written twice, the same each time.
    return tf.tensorScatterNdUpdate(
        scores, tf.stack(List.of(rows, sequences), Stack.axis(-1L)), changed);
  }

  /**
   * The probabilities that tokens are drawn with, by id; those of tokens that are not are 0.
   *
   * <p>Source: TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper of transformers.
   *
   * @param logits float32 [B, V]
   * @return float32 [B, V]
   */
  static Operand<TFloat32> probabilities(
      Ops tf, Operand<TFloat32> logits, SamplingConfig sampling) {
    Operand<TInt32> one = tf.constant(1);
    // The largest becomes 0, so that no temperature makes it infinite.
    Operand<TFloat32> warped =
        tf.math.div(
            tf.math.sub(logits, tf.max(logits, one, Max.keepDims(true))),
            tf.constant((float) sampling.temperature()));
    Operand<TFloat32> probabilities = tf.nn.softmax(warped);
    if (sampling.topK() > 0) {
      Operand<TInt32> k =
          tf.math.minimum(tf.constant(sampling.topK()), TokenShapes.size(tf, logits, 1));
      Operand<TFloat32> largest = tf.nn.topK(warped, k, TInt32.class).values();
      Operand<TFloat32> smallest = tf.min(largest, one, Min.keepDims(true)); // [B, 1]
      probabilities = only(tf, tf.math.greaterEqual(warped, smallest), probabilities);
    }
    if (sampling.topP() < 1) {
      probabilities = only(tf, nucleus(tf, probabilities, sampling.topP()), probabilities);
    }
    return tf.math.div(probabilities, sum(tf, probabilities));
  }

  /**
   * The smallest set of likeliest tokens whose probabilities sum to {@code topP} of all.
   *
   * @param probabilities float32 [B, V], of any sum
   * @return bool [B, V]
   */
  private static Operand<TBool> nucleus(Ops tf, Operand<TFloat32> probabilities, double topP) {
    Operand<TInt32> one = tf.constant(1);
    Operand<TInt32> size = TokenShapes.size(tf, probabilities, 1);
    // Equal ones come in the order of their ids.
    TopK<TFloat32, TInt32> sorted = tf.nn.topK(probabilities, size, TInt32.class);
    Operand<TFloat32> before = tf.math.cumsum(sorted.values(), one, Cumsum.exclusive(true));
    Operand<TBool> within =
        tf.math.less(
            before, tf.math.mul(sum(tf, probabilities), tf.constant((float) topP))); // [B, V]
    Operand<TInt32> count =
        tf.reduceSum(tf.dtypes.cast(within, TInt32.class), one, ReduceSum.keepDims(true));
    // In float32 topP may be 0.
    Operand<TInt32> last = tf.math.sub(tf.math.maximum(count, one), one); // [B, 1]
    Operand<TFloat32> lastValue = tf.gather(sorted.values(), last, one, Gather.batchDims(1L));
    Operand<TInt32> lastId = tf.gather(sorted.indices(), last, one, Gather.batchDims(1L));
    Operand<TInt32> ids = tf.range(tf.constant(0), size, one); // [V]
    return tf.math.logicalOr(
        tf.math.greater(probabilities, lastValue),
        tf.math.logicalAnd(
            tf.math.equal(probabilities, lastValue), tf.math.lessEqual(ids, lastId)));
  }

  /**
   * The first token at which the probabilities summed up in the order of ids exceed {@code
   * uniform}.
   *
   * @param probabilities float32 [B, V], of any sum above 0
   * @param uniform float32 [B], in [0, 1)
   * @return int32 [B], tokens with a probability above 0
   */
  static Operand<TInt32> drawn(Ops tf, Operand<TFloat32> probabilities, Operand<TFloat32> uniform) {
    Operand<TInt32> one = tf.constant(1);
    // Sums that XLA makes in parts may fall by a rounding error from one token to the next: a
    // token without probability must not be where they rise.
    Operand<TFloat32> sums =
        only(
            tf,
            tf.math.greater(probabilities, tf.constant(0f)),
            tf.math.cumsum(probabilities, one));
    // Below the largest sum also after rounding, since uniform is at most 1 - 2^-24.
    Operand<TFloat32> target =
        tf.math.mul(tf.max(sums, one, Max.keepDims(true)), tf.expandDims(uniform, one)); // [B, 1]
    Operand<TInt32> size = TokenShapes.size(tf, probabilities, 1);
    Operand<TInt32> ids = tf.range(tf.constant(0), size, one); // [V]
    return tf.min(tf.select(tf.math.greater(sums, target), ids, size), one, Min.keepDims(false));
  }

  private static Operand<TFloat32> only(
      Ops tf, Operand<TBool> condition, Operand<TFloat32> values) {
    return tf.select(condition, values, tf.constant(0f));
  }

  private static Operand<TFloat32> sum(Ops tf, Operand<TFloat32> values) {
    return tf.reduceSum(values, tf.constant(1), ReduceSum.keepDims(true));
  }

  /**
   * Sequences without their padding, for {@link #penalised}: its place is taken by a token of the
   * row.
   *
   * @param ids [B][T]
   * @param mask [B][T], 1 at real tokens
   * @return [B][T]
   */
  static int[][] withoutPadding(int[][] ids, int[][] mask) {
    int[][] tokens = new int[ids.length][];
    for (int row = 0; row < ids.length; row++) {
      tokens[row] = ids[row].clone();
      int first = 0;
      while (first < mask[row].length - 1 && mask[row][first] == 0) {
        first++;
      }
      for (int column = 0; column < tokens[row].length; column++) {
        if (mask[row][column] == 0) {
          tokens[row][column] = ids[row][first];
        }
      }
    }
    return tokens;
  }
}
