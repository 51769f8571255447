package org.llmadapters.conversion.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

final class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
  private long now;

  private Progress start(long total, String unit, boolean terminal) {
    return Progress.start("converting", 0, total, unit, out, terminal, () -> now);
  }

  private void wait(Duration duration) {
    now += duration.toNanos();
  }

  private String shown() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void printsAPlainLineEveryTenSecondsAndTheLast() {
    try (Progress progress = start(50, "steps", false)) {
      for (int i = 0; i < 40; i++) {
        wait(Duration.ofMillis(500));
        progress.advance(1);
        progress.detail("loss=1.2310");
      }
    }
    assertThat(shown())
        .isEqualTo(
            """
            converting  40%  20/50 steps  2.00 steps/s  ETA 0:15  loss=1.2310
            converting  80%  40/50 steps  2.00 steps/s  ETA 0:05  loss=1.2310
            converting  80%  40/50 steps  2.00 steps/s  ETA 0:05  loss=1.2310
            """);
  }

  @Test
  void redrawsOneLineOnATerminalAtMostFiveTimesASecond() {
    try (Progress progress = start(4L << 30, "bytes", true)) {
      for (int i = 0; i < 20; i++) {
        wait(Duration.ofMillis(100));
        progress.advance(1L << 27);
      }
    }
    assertThat(shown().split("\r", -1)).hasSize(1 + 10 + 1);
    assertThat(shown())
        .startsWith(
            "\r\u001b[?7lconverting [#...................]   6%  0.25/4.00 GiB  1280.0 MiB/s  ETA"
                + " 0:03\u001b[?7h\r")
        .endsWith(
            "\r\u001b[?7lconverting [############........]  62%  2.50/4.00 GiB  1280.0 MiB/s  ETA"
                + " 0:01\u001b[?7h\n");
  }

  @Test
  void overwritesALongerLine() {
    try (Progress progress = start(8, "steps", true)) {
      progress.detail("a long detail");
      wait(Duration.ofSeconds(1));
      progress.advance(4);
      progress.detail("");
    }
    assertThat(shown().split("\r", -1)[2])
        .isEqualTo(
            "\u001b[?7lconverting [##########..........]  50%  4/8 steps  4.00 steps/s  ETA 0:01"
                + " ".repeat("  a long detail".length())
                + "\u001b[?7h\n");
  }

  @Test
  void countsWhatWasDoneEarlierButNotItsSpeed() {
    try (Progress progress = Progress.start("training", 6, 10, "steps", out, false, () -> now)) {
      wait(Duration.ofSeconds(10));
      progress.advance(2);
      wait(Duration.ofSeconds(10));
      progress.advance(2);
    }
    assertThat(shown())
        .startsWith(
            """
            training  80%  8/10 steps  0.20 steps/s  ETA 0:10
            training 100%  10/10 steps  0.20 steps/s  in 0:20
            """);
  }

  @Test
  void printsNotesAboveTheLineThatIsRedrawn() {
    try (Progress progress = start(8, "steps", true)) {
      progress.advance(4);
      wait(Duration.ofSeconds(1));
      progress.note("step=4 eval_loss=1.5");
      progress.note("step=4, once more");
    }
    String line =
        "\r\u001b[?7lconverting [##########..........]  50%  4/8 steps  4.00 steps/s  ETA"
            + " 0:01\u001b[?7h";
    int length = line.length() - "\r\u001b[?7l\u001b[?7h".length();
    assertThat(shown())
        .isEqualTo(
            "\rstep=4 eval_loss=1.5\n"
                + line
                + "\rstep=4, once more"
                + " ".repeat(length - "step=4, once more".length())
                + "\n"
                + line
                + line
                + "\n");
  }

  @Test
  void printsNotesAsLinesElsewhere() {
    try (Progress progress = start(8, "steps", false)) {
      progress.note("step=4 eval_loss=1.5");
    }
    assertThat(shown())
        .isEqualTo("step=4 eval_loss=1.5\nconverting   0%  0/8 steps  0.00 steps/s\n");
  }

  @Test
  void showsTheTimeTakenAtTheEnd() {
    try (Progress progress = start(3 << 20, "bytes", false)) {
      wait(Duration.ofSeconds(3700));
      progress.advance(3 << 20);
    }
    assertThat(shown()).endsWith("converting 100%  3.00/3.00 MiB  0.0 MiB/s  in 1:01:40\n");
  }

  @Test
  void copesWithNothingToDo() {
    start(0, "bytes", false).close();
    assertThat(shown()).isEqualTo("converting 100%  0.00/0.00 MiB  0.0 MiB/s  in 0:00\n");
  }
}
