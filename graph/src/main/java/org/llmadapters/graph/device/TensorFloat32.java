package org.llmadapters.graph.device;

/**
 * Whether float32 products on an NVIDIA GPU may round their factors to TensorFloat-32, which has 10
 * bits of mantissa instead of 23. TensorFlow's own default is yes; this project's is no, as
 * PyTorch's, so that float32 means float32.
 *
 * <p>Source: {@code tf.config.experimental.enable_tensor_float_32_execution}.
 */
public final class TensorFloat32 {
  private static final String ENABLE = "_ZN3tsl32enable_tensor_float_32_executionEb";

  private TensorFloat32() {}

  /**
   * Allows or forbids it in this process.
   *
   * @throws IllegalStateException if this TensorFlow has no such switch
   */
  public static void allow(boolean allowed) {
    if (!NativeFunction.call(ENABLE, allowed ? 1 : 0)) {
      throw new IllegalStateException(
          "this TensorFlow does not export "
              + ENABLE
              + "; set NVIDIA_TF32_OVERRIDE=0 and give --tf32, or use TensorFlow Java 1.1.0");
    }
  }
}
