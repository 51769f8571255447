package org.llmadapters.graph.compile;

import org.llmadapters.graph.device.NativeFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What TensorFlow's C++ side prints to stderr.
 *
 * <p>TensorFlow 2.18 logs through Abseil, which heeds {@code TF_CPP_MIN_LOG_LEVEL} only after a
 * set-up that the Python package makes and the library does not; without it every information line
 * is printed. Abseil's own {@code SetMinLogLevel} is exported by the library, but TensorFlow Java
 * has no binding for it: see {@link NativeFunction}.
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
    if (!NativeFunction.call(SET_MIN_LOG_LEVEL, Integer.parseInt(level))) {
      log.debug("this TensorFlow does not export {}", SET_MIN_LOG_LEVEL);
    }
  }
}
