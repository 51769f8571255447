package org.llmadapters.graph;

import com.google.errorprone.annotations.FormatMethod;
import java.nio.file.Path;

/**
 * A file does not have the format it should have. The message starts with the file and says what is
 * wrong, what was found, what was expected and what to do.
 */
public final class FormatException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * A problem of {@code file}; {@code format} is a {@link String#format} pattern for {@code args}.
   */
  @FormatMethod
  public FormatException(Path file, String format, Object... args) {
    super(file + ": " + String.format(format, args));
  }

  /** As above, with the exception that revealed it. */
  public FormatException(Path file, String message, Throwable cause) {
    super(file + ": " + message, cause);
  }
}
