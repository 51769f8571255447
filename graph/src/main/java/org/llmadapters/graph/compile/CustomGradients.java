package org.llmadapters.graph.compile;

import java.util.List;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.GraphOperation;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.TensorFlow;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * Gradients that TensorFlow's C++ registry lacks. TensorFlow Java 1.1.0 has room for ten of them in
 * a process; registration is for good.
 */
public final class CustomGradients {
  private static boolean registered;

  private CustomGradients() {}

  /** Registers all of them; further calls do nothing. */
  public static synchronized void register() {
    if (registered) {
      return;
    }
    TensorFlowRuntime.load();
    if (!TensorFlow.registerCustomGradient(
        "SparseSoftmaxCrossEntropyWithLogits", CustomGradients::crossEntropy)) {
      throw new IllegalStateException("SparseSoftmaxCrossEntropyWithLogits already has a gradient");
    }
    registered = true;
  }

  /**
   * Output 1 of the operation is {@code softmax(logits) - onehot(labels)}, the gradient of output 0
   * by the logits.
   */
  private static List<Operand<?>> crossEntropy(
      Ops tf, GraphOperation operation, List<Output<?>> gradients) {
    @SuppressWarnings("unchecked")
    Operand<TFloat32> loss = (Operand<TFloat32>) gradients.get(0);
    Operand<TFloat32> byLogits = operation.output(1);
    @SuppressWarnings("unchecked")
    Operand<TInt32> labels = (Operand<TInt32>) operation.input(1);
    return List.of(
        tf.math.mul(tf.expandDims(loss, tf.constant(-1)), byLogits), tf.zerosLike(labels));
  }
}
