package org.llmadapters.conversion.files;

import com.google.errorprone.annotations.FormatMethod;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.FormatException;

/** Collects what is wrong with one file, so that everything is reported at once. */
public final class Problems {
  /** A message of a thousand lines helps nobody; the rest is counted. */
  private static final int MAX_LISTED = 20;

  private final List<String> listed = new ArrayList<>();
  private int count;

  /** Adds a problem; {@code format} is a {@link String#format} pattern for {@code args}. */
  @FormatMethod
  public void add(String format, Object... args) {
    if (wantsDetail()) {
      listed.add(String.format(format, args));
    }
    count++;
  }

  /** Whether the next problem will be listed, and not just counted: is it worth a costly text? */
  public boolean wantsDetail() {
    return count < MAX_LISTED;
  }

  /** Whether nothing is wrong. */
  public boolean isEmpty() {
    return count == 0;
  }

  /**
   * Does nothing if there are no problems.
   *
   * @param headline what was being done: {@code "2 problems: " + headline}
   * @param advice what to do, the last line; empty for none
   * @throws FormatException that lists all problems, one per line
   */
  public void throwIfAny(Path file, String headline, String advice) {
    if (count > 0) {
      throw new FormatException(file, "%s", report(headline, advice));
    }
  }

  /** The text of {@link #throwIfAny}, for a warning. */
  public String report(String headline, String advice) {
    StringBuilder text = new StringBuilder(headline);
    listed.forEach(problem -> text.append("\n  ").append(problem));
    if (count > listed.size()) {
      text.append("\n  ... and ").append(count - listed.size()).append(" more");
    }
    if (!advice.isEmpty()) {
      text.append('\n').append(advice);
    }
    return text.toString();
  }

  /** {@code "1 tensor"}, {@code "2 tensors"}: how many problems there are, of {@code noun}s. */
  public String counted(String noun) {
    return count + " " + noun + (count == 1 ? "" : "s");
  }
}
