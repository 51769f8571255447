package org.llmadapters.graph.compile;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.TensorFlow;
import org.tensorflow.internal.c_api.Deallocator_Pointer_long_Pointer;

/**
 * What TensorFlow's C++ side prints to stderr.
 *
 * <p>TensorFlow 2.18 logs through Abseil, which heeds {@code TF_CPP_MIN_LOG_LEVEL} only after a
 * set-up that the Python package makes and the library does not; without it every information line
 * is printed. Abseil's own {@code SetMinLogLevel} is exported by the library, but TensorFlow Java
 * has no binding for it, so it is called by its address.
 */
final class NativeLog {
  private static final Logger log = LoggerFactory.getLogger(NativeLog.class);

  private static final String SET_MIN_LOG_LEVEL =
      "_ZN4absl12lts_2023080214SetMinLogLevelENS0_18LogSeverityAtLeastE";
  private static final String LEVEL = "TF_CPP_MIN_LOG_LEVEL";

  private NativeLog() {}

  /**
   * Makes Abseil heed {@code TF_CPP_MIN_LOG_LEVEL}: 0 information, 1 warnings, 2 errors, 3 fatal
   * ones.
   */
  static void heedEnvironment() {
    String level = System.getenv(LEVEL);
    if (level == null || !level.matches("[0-3]")) {
      return;
    }
    TensorFlow.version(); // loads the library
    try (Pointer function = Loader.addressof(SET_MIN_LOG_LEVEL)) {
      if (function == null || function.isNull()) {
        log.debug("this TensorFlow does not export {}", SET_MIN_LOG_LEVEL);
        return;
      }
      // The first argument of a function with the signature (pointer, long, pointer) is in the
      // register of an int's.
      try (PointerPointer<Pointer> slot = new PointerPointer<>(1);
          Severity severity = new Severity(Integer.parseInt(level))) {
        slot.put(0, function);
        new Deallocator_Pointer_long_Pointer(slot).call(severity, 0, severity);
      }
    }
  }

  /** An int dressed as a pointer. */
  private static final class Severity extends Pointer {
    Severity(int value) {
      super((Pointer) null);
      address = value;
    }
  }
}
