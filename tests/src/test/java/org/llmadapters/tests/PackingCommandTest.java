package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code train --packing}, {@code --group-by-length} and {@code --buckets}. */
final class PackingCommandTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir static Path shared;

  @TempDir Path directory;

  /** Examples of 3, 4, ... 18 tokens, all but the first of each predicted. */
  @BeforeAll
  static void prepare() throws IOException {
    CommandRun.succeed(
        "convert", "--checkpoint", Golden.path("llama/base"), "--output", shared.resolve("base"));
    StringBuilder lines = new StringBuilder();
    for (int tokens = 3; tokens <= 18; tokens++) {
      int first = tokens;
      lines.append("{\"input_ids\": ");
      lines.append(IntStream.range(0, tokens).mapToObj(i -> 3 + (first * 7 + i) % 90).toList());
      lines.append("}\n");
    }
    Files.writeString(shared.resolve("data.jsonl"), lines);
  }

  private static Object[] train(Path output, String... options) {
    List<Object> line =
        new ArrayList<>(
            List.of(
                "train",
                "--model=" + shared.resolve("base"),
                "--data=" + shared.resolve("data.jsonl"),
                "--adapter=ia3",
                "--output=" + output,
                "--batch-size=2",
                "--micro-batch-size=2",
                "--cutoff-len=18",
                "--no-shuffle",
                "--compile=off"));
    line.addAll(List.of(options));
    return line.toArray();
  }

  private static List<JsonNode> metrics(Path output) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
      lines.add(JSON.readTree(line));
    }
    return lines;
  }

  /**
   * An epoch has 168 tokens: 16 rows alone, 5 rows of up to 36 packed, and so 3 batches of 2 rows.
   */
  @Test
  void packedRowsHoldMoreAndAreEvaluatedAlike() throws IOException {
    Path alone = directory.resolve("alone");
    Path packed = directory.resolve("packed");
    CommandRun.succeed(train(alone, "--max-steps=1", "--val-set-size=5", "--learning-rate=1e-12"));
    CommandRun.succeed(
        train(
            packed,
            "--max-steps=1",
            "--val-set-size=5",
            "--learning-rate=1e-12",
            "--packing",
            "--buckets=8,36"));
    double loss = metrics(alone).get(1).path("eval_loss").doubleValue();
    // float32 keeps 6e-8; longer rows are added in another order.
    assertThat(metrics(packed).get(1).path("eval_loss").doubleValue())
        .isCloseTo(loss, within(1e-6 * loss));

    Path epoch = directory.resolve("epoch");
    CommandRun.succeed(train(epoch, "--num-epochs=1", "--packing", "--buckets=36"));
    assertThat(metrics(epoch)).hasSize(3);
    assertThat(metrics(epoch).stream().mapToInt(line -> line.path("tokens").intValue()).sum())
        .isEqualTo(168 - 16);
    assertThat(JSON.readTree(epoch.resolve("run.json").toFile()).path("packing").textValue())
        .isEqualTo("true");
  }

  /** The file is in rising order; grouped, its longest two examples come first. */
  @Test
  void groupsByLength() throws IOException {
    CommandRun.succeed(train(directory.resolve("run"), "--max-steps=1", "--group-by-length"));
    assertThat(metrics(directory.resolve("run")).get(0).path("tokens").intValue())
        .isEqualTo(17 + 16);
  }

  @Test
  void rejectsOptionsThatDoNotGoTogether() {
    assertUsageError(
        "error: --packing fills all rows alike, so that there is nothing to group; leave out"
            + " --group-by-length\n",
        "--packing",
        "--group-by-length");
  }

  @Test
  void rejectsDataThatIsNotKnownBeforeTheFirstStep() {
    String data = "--data=" + shared.resolve("data.jsonl");
    assertUsageError(
        "error: --packing and --group-by-length need all examples in memory; leave out"
            + " --streaming\n",
        "--packing",
        "--streaming",
        "--max-steps=1");
    assertUsageError(
        "error: --packing fills rows with every example once in each epoch; give --data without"
            + " weights\n",
        "--packing",
        data + "=2");
  }

  /** Beyond 32 tokens in a row this model turns all positions of the row otherwise. */
  @Test
  void rejectsRowsWhosePositionsWouldStretch() throws IOException {
    Path checkpoint = directory.resolve("checkpoint");
    Files.createDirectory(checkpoint);
    Files.copy(
        Golden.path("llama/base").resolve("model.safetensors"),
        checkpoint.resolve("model.safetensors"));
    ObjectNode config =
        (ObjectNode) JSON.readTree(Golden.path("llama/base").resolve("config.json").toFile());
    config.put("max_position_embeddings", 32);
    config.set("rope_scaling", JSON.readTree("{\"rope_type\": \"dynamic\", \"factor\": 2.0}"));
    JSON.writeValue(checkpoint.resolve("config.json").toFile(), config);
    Path base = directory.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", checkpoint, "--output", base);

    Path run = directory.resolve("run");
    Object[] line = train(run, "--packing", "--buckets=8,36", "--max-steps=1");
    line[1] = "--model=" + base;
    assertThat(CommandRun.of(line))
        .isEqualTo(
            new CommandRun(
                2,
                "",
                "error: --packing makes rows of 36 tokens, but with dynamic RoPE scaling positions"
                    + " change in rows of more than 32; set --cutoff-len and --buckets to 32 or"
                    + " less\n"));
    line = train(run, "--packing", "--buckets=8,32", "--max-steps=1");
    line[1] = "--model=" + base;
    CommandRun.succeed(line);
  }

  @Test
  void rejectsBucketsThatAreNone() {
    for (String buckets : List.of("64,x", "", "64,,128", "-1", "64,1000000000000")) {
      assertUsageError(
          "error: --buckets is \""
              + buckets
              + "\", expected rising lengths in tokens such as 64,128,256\n",
          "--buckets=" + buckets);
    }
    assertUsageError(
        "error: bucket lengths must be rising numbers >= 1, got [64, 32]\n", "--buckets=64,32");
    assertUsageError(
        "error: an example has 17 tokens, more than the longest bucket of 16; set --cutoff-len to"
            + " that or less, or add a longer one to --buckets\n",
        "--buckets=8,16");
  }

  private void assertUsageError(String message, String... options) {
    assertThat(CommandRun.of(train(directory.resolve("run"), options)))
        .isEqualTo(new CommandRun(2, "", message));
    assertThat(directory.resolve("run")).doesNotExist();
  }
}
