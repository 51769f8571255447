package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.OpDeterminism;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.cli.Main;

/** The same command gives the same bits, in this process and in another one. */
final class DeterminismTest {
  private static final int STEPS = 6;
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
                new Sizes(VOCAB_SIZE, 48, 80, 1, 128),
                new AttentionConfig(6, 2, 8),
                new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0)));
    Path checkpoint = directory.resolve("checkpoint");
    TinyCheckpoint.write(checkpoint, config, WeightDtype.FLOAT32);
    Converter.convert(checkpoint, directory.resolve("base"), WeightDtype.FLOAT32, false);
    Random random = new Random(3);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      int[] ids = random.ints(4 + random.nextInt(25), 3, VOCAB_SIZE).toArray();
      lines.append("{\"input_ids\": ").append(Arrays.toString(ids)).append("}\n");
    }
    data = Files.writeString(directory.resolve("data.jsonl"), lines);
  }

  /** The switch is the process's. */
  @AfterEach
  void allowAllOperationsAgain() {
    OpDeterminism.set(false);
  }

  private List<String> train(Path run, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--model=" + directory.resolve("base"),
                "--data=" + data,
                "--output=" + run,
                "--cutoff-len=32",
                "--batch-size=8",
                "--micro-batch-size=4",
                "--max-steps=" + STEPS,
                "--learning-rate=1e-2",
                "--deterministic"));
    arguments.addAll(List.of(options));
    return arguments;
  }

  private record Outcome(int exitCode, String output) {}

  /** Runs a command in a process of its own, which sees {@code cores}. */
  private Outcome runElsewhere(int cores, List<String> arguments)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-XX:ActiveProcessorCount=" + cores,
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
    command.addAll(arguments);
    Path log = directory.resolve("child.log");
    Process child =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      assertThat(child.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).as("done in time").isTrue();
    } finally {
      child.destroyForcibly();
    }
    return new Outcome(child.exitValue(), Files.readString(log));
  }

  /** The lines of {@code metrics.jsonl} without what is measured. */
  private static List<JsonNode> metrics(Path run) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      ObjectNode json = (ObjectNode) JSON.readTree(line);
      json.remove(List.of("tokens_per_second", "data_fraction", "rss_mib"));
      lines.add(json);
    }
    return lines;
  }

  /** All of LoRA's randomness under XLA, and the gradients of embeddings, which add up rows. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--adapter=lora --target-modules=q_proj,down_proj --lora-dropout=0.2 --compile=on"
            + " | adapter_model.safetensors",
        "--adapter=full --compile=off | model.safetensors"
      })
  void anotherProcessGivesTheSameBits(String options, String result)
      throws IOException, InterruptedException {
    Path here = directory.resolve("here");
    CommandRun.succeed(train(here, options.split(" ", -1)).toArray());
    Path elsewhere = directory.resolve("elsewhere");
    Outcome other =
        runElsewhere(
            Runtime.getRuntime().availableProcessors(), train(elsewhere, options.split(" ", -1)));
    assertThat(other.exitCode()).as(other.output()).isZero();
    assertThat(metrics(elsewhere)).isEqualTo(metrics(here)).hasSize(STEPS);
    for (String file : List.of(result, "checkpoint-" + STEPS + "/state.safetensors")) {
      assertThat(elsewhere.resolve(file)).hasSameBinaryContentAs(here.resolve(file));
    }
  }

  /** Replicas add their gradients one after the other. */
  @Test
  void isNotResumedWithOtherReplicas() throws IOException, InterruptedException {
    Path run = directory.resolve("run");
    String[] lora = {"--adapter=lora", "--target-modules=q_proj", "--compile=off", "--resume"};
    Outcome first = runElsewhere(2, train(run, lora));
    assertThat(first.exitCode()).as(first.output()).isZero();
    Outcome resumed = runElsewhere(1, train(run, lora));
    assertThat(resumed.exitCode()).isEqualTo(1);
    assertThat(resumed.output())
        .contains("was made with another base, other options or data (")
        .contains("Execution[replicas=2, xla=false, ")
        .contains("Execution[replicas=1, xla=false, ");
  }
}
