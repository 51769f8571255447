package org.llmadapters.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableLongArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

final class MetricsHistoryTest {
  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = folder.resolve("metrics.jsonl");
  }

  private MetricsHistory read(String text) throws IOException {
    Files.writeString(file, text);
    return MetricsHistory.read(file, List.of("loss", "eval_loss", "rss_mib"));
  }

  @Test
  void readsEachValueWhereItIsMeasured() throws IOException {
    MetricsHistory history =
        read(
            """
            {"step":1,"loss":2.5,"grad_norm":7}
            {"step":2,"loss":"NaN"}
            {"step":2,"eval_loss":"Infinity"}
            {"step":3,"loss":1e-3}
            """);
    assertThat(history.of("loss"))
        .isEqualTo(
            new Series(
                ImmutableLongArray.of(1, 2, 3), ImmutableDoubleArray.of(2.5, Double.NaN, 1e-3)));
    assertThat(history.of("eval_loss"))
        .isEqualTo(
            new Series(
                ImmutableLongArray.of(2), ImmutableDoubleArray.of(Double.POSITIVE_INFINITY)));
    assertThat(history.of("rss_mib").size()).isZero();
    assertThat(history.of("grad_norm").size()).as("not asked for").isZero();
    assertThat(history.of("loss").last()).hasValue(1e-3);
    assertThat(history.of("rss_mib").last()).isEmpty();
  }

  @Test
  void passesOverALastLineThatWasCutOff() throws IOException {
    assertThat(read("{\"step\":1,\"loss\":2}\n{\"step\":2,\"lo").of("loss").steps())
        .isEqualTo(ImmutableLongArray.of(1));
  }

  @Test
  void isEmptyWithoutAFile() throws IOException {
    assertThat(MetricsHistory.read(file, List.of("loss")).of("loss").size()).isZero();
  }

  @Test
  void refusesAnythingElse() {
    assertThatThrownBy(() -> read("{\"step\":1,\"loss\":2}\nx\n{\"step\":2}\n"))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": line 2 is no metrics line; expected {\"step\": ...}");
    assertThatThrownBy(() -> read("{\"step\":1,\"loss\":[2]}\n"))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": loss must be a number, got [2]");
    assertThatThrownBy(() -> read("{\"step\":1,\"loss\":\"low\"}\n"))
        .hasMessage(file + ": loss must be a number, got \"low\"");
  }

  /** Else a file of one line would have to fit in memory. */
  @Test
  void readsNoLineWithoutEnd() {
    assertThatThrownBy(() -> read("{\"step\":1,\"loss\":" + "1".repeat(1 << 20)))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": line 1 is no metrics line; expected {\"step\": ...}");
  }
}
