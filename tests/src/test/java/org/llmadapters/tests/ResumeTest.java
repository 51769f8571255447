package org.llmadapters.tests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.cli.Main;

/** A run that is killed at any moment and resumed ends as one that was not. */
final class ResumeTest {
  private static final int STEPS = 12;
  private static final int VOCAB_SIZE = 61;

  /** Long enough for the slowest machine; a run takes seconds. */
  private static final int TIMEOUT_SECONDS = 300;

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path directory;

  private Path data = Path.of("");

  @BeforeEach
  void prepare() throws IOException {
    ModelConfig config =
        Architecture.LLAMA
            .family()
            .config(
                new Sizes(VOCAB_SIZE, 48, 80, 2, 128),
                new AttentionConfig(6, 2, 8),
                new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0)));
    Path checkpoint = directory.resolve("checkpoint");
    TinyCheckpoint.write(checkpoint, config, WeightDtype.FLOAT32);
    Converter.convert(checkpoint, directory.resolve("base"), WeightDtype.FLOAT32, false);
    data = writeData(1);
  }

  /** 38 examples of 10 to 89 tokens, so that there are three shapes of batches. */
  private Path writeData(int seed) throws IOException {
    Random random = new Random(seed);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 38; i++) {
      int[] ids = random.ints(10 + random.nextInt(80), 3, VOCAB_SIZE).toArray();
      lines.append("{\"input_ids\": ").append(Arrays.toString(ids)).append("}\n");
    }
    return Files.writeString(directory.resolve("data-" + seed + ".jsonl"), lines);
  }

  /** The command, with some options added or replaced. */
  private List<String> train(Path output, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--model=" + directory.resolve("base"),
                "--data=" + data,
                "--adapter=lora",
                "--output=" + output,
                "--r=3",
                "--lora-dropout=0.2",
                "--target-modules=q_proj,down_proj",
                "--cutoff-len=96",
                "--val-set-size=4",
                "--batch-size=8",
                "--micro-batch-size=4",
                "--max-steps=" + STEPS,
                "--learning-rate=1e-2",
                "--lr-scheduler=cosine",
                "--warmup-steps=2",
                "--weight-decay=0.01",
                "--eval-steps=3",
                "--save-steps=2",
                "--save-total-limit=2",
                "--compile=off"));
    for (String option : more) {
      String name = option.split("=", 2)[0];
      arguments.removeIf(argument -> argument.startsWith(name + "="));
      arguments.add(option);
    }
    return arguments;
  }

  private record Outcome(int exitCode, String err) {}

  private static Outcome run(List<String> arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int exitCode =
        Main.run(
            arguments.toArray(String[]::new),
            new PrintWriter(out, true),
            new PrintWriter(err, true));
    return new Outcome(exitCode, err.toString());
  }

  @Test
  void aRunKilledSeveralTimesEndsAsOneThatWasNot() throws IOException, InterruptedException {
    Path whole = directory.resolve("whole");
    assertThat(run(train(whole))).isEqualTo(new Outcome(0, ""));
    Path killed = directory.resolve("killed");

    Random random = new Random(4);
    int kills = 0;
    for (int start = 0; start < 4; start++) {
      long target = lines(killed) + 1 + random.nextInt(3);
      int delay = random.nextInt(120);
      kills += killAfter(train(killed, "--resume"), killed, target, delay) ? 1 : 0;
    }
    assertThat(kills).as("runs killed before they were done").isGreaterThanOrEqualTo(2);
    assertThat(killed.resolve("adapter_model.safetensors"))
        .as("the run must not be done yet")
        .doesNotExist();
    Outcome last = run(train(killed, "--resume"));
    assertThat(last).isEqualTo(new Outcome(0, ""));

    assertThat(metrics(killed)).isEqualTo(metrics(whole)).hasSize(STEPS + STEPS / 3);
    for (String file : List.of("adapter_model.safetensors", "adapter_config.json")) {
      assertThat(killed.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
    }
    String state = "checkpoint-" + STEPS + "/state.safetensors";
    assertThat(killed.resolve(state)).hasSameBinaryContentAs(whole.resolve(state));
    assertThat(Arrays.asList(killed.toFile().list()))
        .as("nothing half-written is left but what a kill cut off")
        .contains("metrics.jsonl", "run.json", "checkpoint-10", "checkpoint-12")
        .doesNotContain("checkpoint-8");
  }

  /**
   * Kills a run {@code millis} after its metrics have {@code lines} lines; whether it was alive.
   */
  private boolean killAfter(List<String> arguments, Path output, long lines, int millis)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
    command.addAll(arguments);
    Path log = directory.resolve("child.log");
    Process child =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
      while (child.isAlive() && lines(output) < lines) {
        assertThat(System.nanoTime()).as(Files.readString(log)).isLessThan(deadline);
        Thread.sleep(2);
      }
      boolean exited = child.waitFor(millis, TimeUnit.MILLISECONDS);
      if (exited) {
        assertThat(child.exitValue()).as(Files.readString(log)).isZero();
      }
      return !exited;
    } finally {
      child.destroyForcibly().waitFor(); // SIGKILL: no shutdown hook saves anything
    }
  }

  private static long lines(Path output) throws IOException {
    Path metrics = output.resolve("metrics.jsonl");
    return Files.exists(metrics)
        ? Files.readString(metrics, UTF_8).chars().filter(c -> c == '\n').count()
        : 0;
  }

  /** The lines of {@code metrics.jsonl} without the one value that is measured. */
  private static List<JsonNode> metrics(Path output) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
      ObjectNode json = (ObjectNode) JSON.readTree(line);
      json.remove("tokens_per_second");
      lines.add(json);
    }
    return lines;
  }

  @Test
  void aResumedRunMustHaveTheSameOptionsAndData() throws IOException {
    Path output = directory.resolve("run");
    assertThat(run(train(output, "--max-steps=2"))).isEqualTo(new Outcome(0, ""));
    for (String option :
        List.of(
            "--learning-rate=2e-2",
            "--max-steps=3",
            "--lora-dropout=0",
            "--r=4",
            "--batch-size=4",
            "--seed=1",
            "--weight-decay=0",
            "--data=" + writeData(2))) {
      Outcome outcome = run(train(output, "--max-steps=2", "--resume", option));
      assertThat(outcome.err())
          .as(option)
          .startsWith(
              "error: "
                  + output.resolve("checkpoint-2")
                  + ": was made with another base, other options or data (")
          .contains("resume with the same, or start in another folder");
      assertThat(outcome.exitCode()).isEqualTo(1);
    }
  }

  /** The same shapes in the same place, but other weights. */
  @Test
  void aResumedRunMustHaveTheSameBase() throws IOException {
    Path output = directory.resolve("run");
    assertThat(run(train(output, "--max-steps=2"))).isEqualTo(new Outcome(0, ""));
    Path checkpoint = directory.resolve("checkpoint");
    Path weights = checkpoint.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    Converter.convert(checkpoint, directory.resolve("base"), WeightDtype.FLOAT32, true);
    Outcome outcome = run(train(output, "--max-steps=2", "--resume"));
    assertThat(outcome.err()).contains(": was made with another base, other options or data (");
    assertThat(outcome.exitCode()).isEqualTo(1);
  }

  @Test
  void anEarlierRunIsNotOverwrittenByMistake() throws IOException {
    Path output = directory.resolve("run");
    assertThat(run(train(output, "--max-steps=1"))).isEqualTo(new Outcome(0, ""));
    byte[] adapter = Files.readAllBytes(output.resolve("adapter_model.safetensors"));
    assertThat(run(train(output, "--max-steps=1")))
        .isEqualTo(
            new Outcome(
                2,
                "error: "
                    + output
                    + ": exists and is not empty; give --resume to go on, --overwrite to replace an"
                    + " earlier run, or another --output\n"));
    assertThat(output.resolve("adapter_model.safetensors")).hasBinaryContent(adapter);
    assertThat(run(train(output, "--max-steps=1", "--overwrite"))).isEqualTo(new Outcome(0, ""));
    assertThat(Objects.requireNonNull(output.toFile().list()))
        .containsExactlyInAnyOrder(
            "adapter_config.json",
            "adapter_model.safetensors",
            "checkpoint-1",
            "metrics.jsonl",
            "summary.json",
            "run.json");
  }
}
