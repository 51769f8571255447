package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Five steps of the reference by the command line: its checkpoint converted, its adapter to start
 * from, its batches as a file of tokens.
 */
final class GoldenTrainingTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"llama, lora", "opt, lora", "bloom, ia3"})
  void lossesAreThoseOfTheReference(String family, String adapter) throws IOException {
    Path base = directory.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", Golden.path(family + "/base"), "--output", base);
    String directoryOfAdapter = family + "/adapters/" + adapter;
    StringBuilder lines = new StringBuilder();
    float[] expected;
    int rows;
    try (Golden golden = Golden.open(directoryOfAdapter)) {
      for (int batch = 0; batch < 5; batch++) {
        lines.append(golden.trainingLines(batch));
      }
      rows = (int) lines.chars().filter(c -> c == '\n').count() / 5;
      expected = golden.floats("train.losses");
    }
    Path data = Files.writeString(directory.resolve("data.jsonl"), lines);
    Path run = directory.resolve("run");
    CommandRun.succeed(
        "train",
        "--model",
        base,
        "--data",
        data,
        "--output",
        run,
        "--adapter",
        adapter,
        "--init-adapter",
        Golden.path(directoryOfAdapter),
        "--batch-size",
        rows,
        "--micro-batch-size",
        rows,
        "--max-steps",
        5,
        "--no-shuffle",
        "--optimizer",
        "adamw",
        "--learning-rate",
        "3e-4",
        "--lr-scheduler",
        "constant",
        "--warmup-steps",
        0,
        "--weight-decay",
        0,
        "--max-grad-norm",
        0,
        "--compile",
        "off");
    List<JsonNode> metrics = TinyRun.metrics(run);
    assertThat(metrics).hasSize(5);
    for (int i = 0; i < 5; i++) {
      assertThat(metrics.get(i).path("loss").doubleValue())
          .as("loss of step %d", i)
          .isCloseTo(expected[i], within(10 * Parity.LOSS * expected[i]));
    }
    assertThat(expected[4]).as("what is compared changes").isNotEqualTo(expected[0]);
  }
}
