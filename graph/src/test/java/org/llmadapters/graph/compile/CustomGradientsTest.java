package org.llmadapters.graph.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.op.nn.SparseSoftmaxCrossEntropyWithLogits;
import org.tensorflow.types.TFloat32;

final class CustomGradientsTest {
  private static final int ROWS = 3;
  private static final int CLASSES = 5;
  private static final int[] LABELS = {4, 0, 2};

  /** Of the rows in the sum; the second does not count, the third counts double and negative. */
  private static final float[] ROW_WEIGHTS = {1, 0, -2};

  @Test
  void registeringTwiceDoesNothing() {
    CustomGradients.register();
    CustomGradients.register();
  }

  @Test
  void crossEntropyHasTheGradientOfItsFiniteDifferences() {
    CustomGradients.register();
    Random random = new Random(3);
    float[][] logits = new float[ROWS][CLASSES];
    for (float[] row : logits) {
      for (int i = 0; i < CLASSES; i++) {
        row[i] = 3 * (float) random.nextGaussian();
      }
    }
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(graph);
      Operand<TFloat32> x = tf.identity(tf.constant(logits));
      var losses = SparseSoftmaxCrossEntropyWithLogits.create(tf.scope(), x, tf.constant(LABELS));
      Operand<TFloat32> sum =
          tf.sum(tf.math.mul(losses.loss(), tf.constant(ROW_WEIGHTS)), tf.constant(0));
      Output<?>[] gradient =
          graph.addGradients(
              "gradients", new Output<?>[] {sum.asOutput()}, new Output<?>[] {x.asOutput()}, null);
      try (Session session = new Session(graph, SessionOptions.oneReplica().toProto());
          Result result = session.runner().fetch(sum).fetch(gradient[0]).run()) {
        assertThat((double) ((TFloat32) result.get(0)).getFloat())
            .isCloseTo(loss(logits, 0, 0, 0), within(1e-5));
        float[][] actual = StdArrays.array2dCopyOf((TFloat32) result.get(1));
        double step = 1e-5;
        for (int row = 0; row < ROWS; row++) {
          for (int i = 0; i < CLASSES; i++) {
            double expected =
                (loss(logits, row, i, step) - loss(logits, row, i, -step)) / (2 * step);
            // Float32 rounds the gradient, which is at most 2, by 1e-7; the differences are exact
            // to 1e-9.
            assertThat((double) actual[row][i]).isCloseTo(expected, within(1e-6));
          }
        }
      }
    }
  }

  /** The weighted sum in float64, with {@code step} added to one logit. */
  private static double loss(float[][] logits, int row, int column, double step) {
    double sum = 0;
    for (int r = 0; r < ROWS; r++) {
      double total = 0;
      for (int i = 0; i < CLASSES; i++) {
        total += Math.exp(logits[r][i] + (r == row && i == column ? step : 0));
      }
      double own = logits[r][LABELS[r]] + (r == row && LABELS[r] == column ? step : 0);
      sum += ROW_WEIGHTS[r] * (Math.log(total) - own);
    }
    return sum;
  }
}
