package org.llmadapters.conversion.progress;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows on standard error how far a long piece of work has come, how fast it goes and how long it
 * will still take. On a terminal one line is redrawn at most five times a second:
 *
 * <pre>
 *   converting [##########..........]  50%  6.25/12.50 GiB  410.2 MiB/s  ETA 0:15
 * </pre>
 *
 * Elsewhere a plain line is printed at most every ten seconds, and one at the end. Safe to advance
 * from several threads.
 */
public final class Progress implements AutoCloseable {
  private static final int BAR_WIDTH = 20;
  private static final long TERMINAL_INTERVAL = Duration.ofMillis(200).toNanos();
  private static final long PLAIN_INTERVAL = Duration.ofSeconds(10).toNanos();

  /** A line longer than the terminal is wide is cut off by it: wrapped, it could not be redrawn. */
  private static final String NO_WRAP = "\u001b[?7l";

  private static final String WRAP = "\u001b[?7h";

  private final String label;
  private final long before;
  private final long total;
  private final String unit;
  private final PrintStream out;
  private final boolean terminal;
  private final LongSupplier nanoTime;
  private final long started;
  private long done;
  private String detail = "";
  private long shown;
  private int shownLength;

  private Progress(
      String label,
      long before,
      long total,
      String unit,
      PrintStream out,
      boolean terminal,
      LongSupplier nanoTime) {
    this.label = label;
    this.before = before;
    this.done = before;
    this.total = total;
    this.unit = unit;
    this.out = out;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
    this.started = nanoTime.getAsLong();
    this.shown = started;
  }

  /**
   * Starts the clock.
   *
   * @param total how much there is to do, in {@code unit}s
   * @param unit e.g. {@code steps}; {@code bytes} are shown as MiB or GiB
   */
  public static Progress start(String label, long total, String unit) {
    return start(label, 0, total, unit);
  }

  /**
   * Starts the clock of work that goes on.
   *
   * @param before how much of {@code total} was done earlier, and says nothing about the speed
   */
  @SuppressWarnings("SystemConsoleNull") // Java 22 and up need -Djdk.console=java.base for this
  public static Progress start(String label, long before, long total, String unit) {
    boolean terminal = System.console() != null && !"dumb".equals(System.getenv("TERM"));
    return start(label, before, total, unit, System.err, terminal, System::nanoTime);
  }

  static Progress start(
      String label,
      long before,
      long total,
      String unit,
      PrintStream out,
      boolean terminal,
      LongSupplier nanoTime) {
    return new Progress(label, before, total, unit, out, terminal, nanoTime);
  }

  /** {@code amount} more units are done. */
  public synchronized void advance(long amount) {
    done += amount;
    long now = nanoTime.getAsLong();
    if (now - shown >= (terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL)) {
      show(now);
    }
  }

  /** Text to show at the end of the line, e.g. {@code loss=1.2310 learning_rate=3.0e-04}. */
  public synchronized void detail(String text) {
    detail = text;
  }

  /** Prints a line of its own, above the one that is redrawn. */
  public synchronized void note(String text) {
    if (terminal) {
      out.println("\r" + text + " ".repeat(Math.max(0, shownLength - text.length())));
      shownLength = 0;
      show(nanoTime.getAsLong());
    } else {
      out.println(text);
    }
  }

  /** Shows the final state and ends the line. */
  @Override
  public synchronized void close() {
    show(nanoTime.getAsLong());
    if (terminal) {
      out.println();
    }
  }

  private void show(long now) {
    shown = now;
    String line = line(now);
    if (terminal) {
      int previous = shownLength;
      shownLength = line.length();
      out.print("\r" + NO_WRAP + line + " ".repeat(Math.max(0, previous - line.length())) + WRAP);
    } else {
      out.println(line);
    }
    out.flush();
  }

  private String line(long now) {
    double seconds = Math.max(1e-9, (now - started) / 1e9);
    double rate = (done - before) / seconds;
    double percent = total > 0 ? Math.min(100, 100.0 * done / total) : 100;
    StringBuilder line = new StringBuilder(label).append(' ');
    if (terminal) {
      int filled = (int) (percent * BAR_WIDTH / 100);
      line.append('[').append("#".repeat(filled)).append(".".repeat(BAR_WIDTH - filled));
      line.append("] ");
    }
    line.append(String.format(Locale.ROOT, "%3d%%  ", (int) percent)).append(amounts(rate));
    if (done >= total) {
      line.append("  in ").append(clock(seconds));
    } else if (done > before) {
      line.append("  ETA ").append(clock((total - done) / rate));
    }
    return detail.isEmpty() ? line.toString() : line.append("  ").append(detail).toString();
  }

  private String amounts(double rate) {
    if (!unit.equals("bytes")) {
      return String.format(Locale.ROOT, "%d/%d %s  %.2f %s/s", done, total, unit, rate, unit);
    }
    double mebi = 1 << 20;
    boolean large = total >= 1L << 30;
    double scale = large ? mebi * 1024 : mebi;
    return String.format(
        Locale.ROOT,
        "%.2f/%.2f %s  %.1f MiB/s",
        done / scale,
        total / scale,
        large ? "GiB" : "MiB",
        rate / mebi);
  }

  private static String clock(double seconds) {
    long whole = Math.round(Math.min(seconds, 1e9));
    return whole < 3600
        ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
  }
}
