package org.llmadapters.graph.device;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.Graph;
import org.tensorflow.TensorFlow;

/**
 * The start of TensorFlow in this process. CUDA's libraries must be loaded before TensorFlow's own:
 * those look for them while they are being loaded. Whatever is the first to use TensorFlow must
 * therefore come through here.
 */
public final class TensorFlowRuntime {
  private static final Logger log = LoggerFactory.getLogger(TensorFlowRuntime.class);

  /** In the jar of TensorFlow's natives for GPUs. */
  private static final String GPU_NATIVES =
      "org/tensorflow/internal/c_api/linux-x86_64-gpu/libtensorflow_cc.so.2";

  private static boolean loaded;

  private TensorFlowRuntime() {}

  /** Whether TensorFlow's natives on the class path are those for GPUs. */
  public static boolean hasGpuNatives() {
    return TensorFlowRuntime.class.getClassLoader().getResource(GPU_NATIVES) != null;
  }

  /**
   * Loads TensorFlow, and CUDA's libraries before it if TensorFlow's natives are those for GPUs and
   * this machine has a driver. Does nothing when called again.
   *
   * @throws UncheckedIOException if the libraries cannot be unpacked
   * @throws IllegalStateException if one cannot be loaded
   */
  public static synchronized void load() {
    if (loaded) {
      return;
    }
    if (hasGpuNatives()) {
      if (NvidiaDriver.find().isPresent()) {
        try {
          CudaLibraries.load(TensorFlowRuntime.class.getClassLoader(), CudaLibraries.folder());
        } catch (IOException e) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
      } else {
        log.debug("TensorFlow's natives are those for GPUs, and there is no driver for one");
      }
    }
    log.debug("TensorFlow {}", TensorFlow.version());
    loaded = true;
  }

  /** TensorFlow's version. */
  public static String version() {
    load();
    return TensorFlow.version();
  }

  /** An empty graph; caller closes. */
  public static Graph newGraph() {
    load();
    return new Graph();
  }
}
