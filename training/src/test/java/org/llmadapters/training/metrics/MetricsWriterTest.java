package org.llmadapters.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

final class MetricsWriterTest {

  private static final StepMetrics.Cost COST =
      new StepMetrics.Cost(1840, 0.125, OptionalLong.of(812));

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = folder.resolve("metrics.jsonl");
  }

  @Test
  void writesALinePerStepAtOnce() throws IOException {
    try (MetricsWriter writer = MetricsWriter.create(file)) {
      writer.write(new StepMetrics(1, 0.25, 1.5, 3e-4, 0.75, 512, OptionalDouble.empty(), COST));

      assertThat(file)
          .hasContent(
              "{\"step\":1,\"epoch\":0.25,\"loss\":1.5,\"learning_rate\":3.0E-4,"
                  + "\"grad_norm\":0.75,\"tokens\":512,\"tokens_per_second\":1840.0,"
                  + "\"data_fraction\":0.125,\"rss_mib\":812}\n");
      writer.write(new EvalMetrics(1, 0.25, 0));
    }

    assertThat(Files.readAllLines(file).get(1))
        .isEqualTo("{\"step\":1,\"epoch\":0.25,\"eval_loss\":0.0,\"eval_perplexity\":1.0}");
  }

  @Test
  void writesValuesThatAreNoNumbersAsText() throws IOException {
    try (MetricsWriter writer = MetricsWriter.create(file)) {
      writer.write(
          new StepMetrics(
              1,
              0.25,
              Double.NaN,
              3e-4,
              Double.POSITIVE_INFINITY,
              512,
              OptionalDouble.empty(),
              COST));
    }

    assertThat(file).content().contains("\"loss\":\"NaN\"", "\"grad_norm\":\"Infinity\"");
  }

  @Test
  void aResumedRunHasTheFileOfOneThatNeverStopped() throws IOException {
    try (MetricsWriter writer = MetricsWriter.create(file)) {
      writeSteps(writer, 1, 5);
    }
    String whole = Files.readString(file);
    try (MetricsWriter writer = MetricsWriter.create(file)) {
      writeSteps(writer, 1, 4);
    }
    try (MetricsWriter writer = MetricsWriter.resume(file, 2)) {
      writeSteps(writer, 3, 5);
    }

    assertThat(file).hasContent(whole);
    assertThat(folder).isDirectoryNotContaining("glob:**.partial*");
  }

  @Test
  void removesALastLineThatWasCutOff() throws IOException {
    Files.writeString(file, "{\"step\":1,\"loss\":2.0}\n{\"step\":2,\"lo");

    MetricsWriter.resume(file, 2).close();

    assertThat(file).hasContent("{\"step\":1,\"loss\":2.0}\n");
  }

  @Test
  void startsAFileWhenThereIsNoneToGoOnIn() throws IOException {
    try (MetricsWriter writer = MetricsWriter.resume(file, 2)) {
      writeSteps(writer, 3, 3);
    }

    assertThat(Files.readAllLines(file)).hasSize(2);
  }

  @Test
  void startsAnewOverAnOldFile() throws IOException {
    Files.writeString(file, "{\"step\":1}\n");

    MetricsWriter.create(file).close();

    assertThat(file).isEmptyFile();
  }

  @Test
  void leavesAFileAloneThatHoldsSomethingElse() throws IOException {
    String text = "{\"step\":1}\n{\"loss\":2.0}\n{\"step\":3}\n";
    Files.writeString(file, text);

    assertThatThrownBy(() -> MetricsWriter.resume(file, 2))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": line 2 is no metrics line; expected {\"step\": ...}");
    assertThat(file).hasContent(text);
  }

  @Test
  void writesALossScaleAndNoMemoryThatTheSystemDoesNotTell() throws IOException {
    try (MetricsWriter writer = MetricsWriter.create(file)) {
      writer.write(
          new StepMetrics(
              1,
              0.25,
              1.5,
              3e-4,
              0.75,
              512,
              OptionalDouble.of(32768),
              new StepMetrics.Cost(1, 0, OptionalLong.empty())));
    }

    assertThat(file)
        .content()
        .endsWith(
            "\"tokens\":512,\"loss_scale\":32768.0,\"tokens_per_second\":1.0,"
                + "\"data_fraction\":0.0}\n");
  }

  @Test
  void perplexityIsTheExponentialOfTheLoss() {
    // ln 32000: as undecided as among all tokens of LLaMA; rounding of exp and of the logarithm.
    assertThat(new EvalMetrics(1, 1, Math.log(32000)).perplexity())
        .isCloseTo(32000, within(32000 * 1e-14));
  }

  private static void writeSteps(MetricsWriter writer, long first, long last) throws IOException {
    for (long step = first; step <= last; step++) {
      writer.write(
          new StepMetrics(
              step, step / 4.0, 1.0 / step, 3e-4, 0.5, 100 + step, OptionalDouble.empty(), COST));
      writer.write(new EvalMetrics(step, step / 4.0, 2.0 / step));
    }
  }
}
