package org.llmadapters.graph.compile;

import org.llmadapters.graph.device.NativeFunction;

/**
 * TensorFlow's op determinism: what the Python package calls {@code
 * tf.config.experimental.enable_op_determinism}, and what {@code TF_DETERMINISTIC_OPS=1} asks for.
 *
 * <p>Sessions of this project add in a fixed order anyway, because an operation has one thread
 * ({@link SessionOptions#toProto}) and replicas are added by one operation. This makes it a
 * guarantee: an operation that has only a kernel whose result may differ from run to run is an
 * error, and of several kernels a deterministic one is taken.
 */
public final class OpDeterminism {
  private static final String ENABLE = "_ZN3tsl19EnableOpDeterminismEb";

  private OpDeterminism() {}

  /**
   * Turns it on or off for this process.
   *
   * @throws IllegalStateException if this TensorFlow has no such switch
   */
  public static void set(boolean required) {
    if (!NativeFunction.call(ENABLE, required ? 1 : 0)) {
      throw new IllegalStateException(
          "this TensorFlow does not export " + ENABLE + "; set TF_DETERMINISTIC_OPS=1 instead");
    }
  }
}
