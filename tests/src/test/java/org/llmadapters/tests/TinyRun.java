package org.llmadapters.tests;

import static java.nio.charset.StandardCharsets.UTF_8;

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
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.cli.Main;

/**
 * A tiny base with random weights, random data, and command lines that train on them.
 *
 * @param directory that holds {@code checkpoint}, {@code base} and {@code data-1.jsonl}
 */
record TinyRun(Path directory) {
  /** Steps of a run. */
  static final int STEPS = 12;

  private static final int VOCAB_SIZE = 61;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Makes base and data in {@code directory}. */
  static TinyRun in(Path directory) throws IOException {
    ModelConfig config =
        Architecture.LLAMA
            .family()
            .config(
                new Sizes(VOCAB_SIZE, 48, 80, 2, 128),
                new AttentionConfig(6, 2, 8),
                new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0)));
    TinyRun run = new TinyRun(directory);
    TinyCheckpoint.write(run.checkpoint(), config, WeightDtype.FLOAT32);
    Converter.convert(run.checkpoint(), run.base(), WeightDtype.FLOAT32, false);
    run.writeData(1);
    return run;
  }

  Path checkpoint() {
    return directory.resolve("checkpoint");
  }

  Path base() {
    return directory.resolve("base");
  }

  /** 38 examples of 10 to 89 tokens, so that there are three shapes of batches. */
  Path writeData(int seed) throws IOException {
    Random random = new Random(seed);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 38; i++) {
      int[] ids = random.ints(10 + random.nextInt(80), 3, VOCAB_SIZE).toArray();
      lines.append("{\"input_ids\": ").append(Arrays.toString(ids)).append("}\n");
    }
    return Files.writeString(directory.resolve("data-" + seed + ".jsonl"), lines);
  }

  /** 8 examples of 20 tokens, so that there is one shape of batches. */
  Path writeShortData() throws IOException {
    Random random = new Random(3);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      int[] ids = random.ints(20, 3, VOCAB_SIZE).toArray();
      lines.append("{\"input_ids\": ").append(Arrays.toString(ids)).append("}\n");
    }
    return Files.writeString(directory.resolve("short.jsonl"), lines);
  }

  /** The command, with some options added or replaced. */
  List<String> train(Path output, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--model=" + base(),
                "--data=" + directory.resolve("data-1.jsonl"),
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

  /** Starts {@code arguments} in a process of its own. */
  Process start(List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>();
    if (System.getProperty("os.name").equals("Linux")) {
      // What a shell starts in the background ignores Ctrl-C, and so would all that it starts.
      command.addAll(List.of("env", "--default-signal=INT"));
    }
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx1g",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName()));
    command.addAll(arguments);
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(childLog().toFile())
        .start();
  }

  /** What the process printed. */
  Path childLog() {
    return directory.resolve("child.log");
  }

  /** Lines of {@code metrics.jsonl} that are there so far. */
  static long lines(Path output) throws IOException {
    Path metrics = output.resolve("metrics.jsonl");
    return Files.exists(metrics)
        ? Files.readString(metrics, UTF_8).chars().filter(c -> c == '\n').count()
        : 0;
  }

  /** The lines of {@code metrics.jsonl} without the values that are measured. */
  static List<JsonNode> metrics(Path output) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
      ObjectNode json = (ObjectNode) JSON.readTree(line);
      json.remove(List.of("tokens_per_second", "data_fraction", "rss_mib"));
      lines.add(json);
    }
    return lines;
  }

  /** A JSON file of a run. */
  static JsonNode json(Path file) throws IOException {
    return JSON.readTree(Files.readString(file));
  }
}
