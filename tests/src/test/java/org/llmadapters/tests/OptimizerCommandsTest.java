package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.peft.PeftAdapter;

/** Optimizers, schedules, rates and recipes through the command line. */
final class OptimizerCommandsTest {
  @TempDir static Path shared;
  private static Path base = Path.of("");
  private static Path data = Path.of("");

  @TempDir Path directory;

  @BeforeAll
  static void prepare() throws IOException {
    base = shared.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", Golden.path("llama/base"), "--output", base);
    data =
        Files.writeString(
            shared.resolve("data.jsonl"),
            "{\"input_ids\": [1, 5, 6, 7, 5, 6, 7, 2]}\n{\"input_ids\": [1, 9, 8, 2]}\n");
  }

  private CommandRun train(Path run, String... options) {
    List<Object> line =
        new ArrayList<>(
            List.of("train", "--model", base, "--data", data, "--output", run, "--compile=off"));
    line.addAll(List.of(options));
    return CommandRun.of(line.toArray());
  }

  /** Four steps of LoRA on q_proj. */
  private CommandRun lora(Path run, String... options) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--adapter=lora",
                "--target-modules=q_proj",
                "--r=4",
                "--max-steps=4",
                "--save-steps=2",
                "--batch-size=2",
                "--micro-batch-size=2"));
    all.addAll(List.of(options));
    return train(run, all.toArray(String[]::new));
  }

  private static byte[] adapter(Path run) throws IOException {
    return Files.readAllBytes(run.resolve(PeftAdapter.TENSORS_FILE));
  }

  private static List<String> losses(Path run) throws IOException {
    List<String> losses = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      losses.add(line.replaceFirst(",\"tokens_per_second\".*", ""));
    }
    return losses;
  }

  /** As if it had been killed after two of its four steps. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "--optimizer=sgd --momentum=0.9 --nesterov --learning-rate=0.1",
        "--optimizer=adafactor --lr-scheduler=inverse_sqrt",
        "--optimizer=lion --lr-scheduler=polynomial --lr-power=2 --warmup-ratio=0.25",
        "--learning-rate-of=lora_B=16,layers.0=0.5"
      })
  void goesOnBitForBit(String options) throws IOException {
    Path run = directory.resolve("run");
    List<String> all = new ArrayList<>(List.of(options.split(" ", -1)));
    assertThat(lora(run, all.toArray(String[]::new)).err()).isEmpty();
    byte[] whole = adapter(run);
    List<String> losses = losses(run);
    OutputDirectory.delete(run.resolve("checkpoint-4"));
    Files.delete(run.resolve(PeftAdapter.TENSORS_FILE));
    all.add("--resume");
    assertThat(lora(run, all.toArray(String[]::new)).err()).isEmpty();
    assertThat(adapter(run)).isEqualTo(whole);
    assertThat(losses(run)).isEqualTo(losses).hasSize(4);
  }

  @Test
  void doesNotGoOnWithAnotherChoice() {
    Path run = directory.resolve("run");
    assertThat(lora(run).err()).isEmpty();
    for (String option :
        List.of(
            "--optimizer=lion",
            "--adam-beta1=0.8",
            "--learning-rate-of=lora_B=16",
            "--lr-scheduler=inverse_sqrt",
            "--warmup-ratio=0.5")) {
      CommandRun resumed = lora(run, "--resume", option);
      assertThat(resumed.err())
          .as(option)
          .contains("was made with another base, other options or data");
      assertThat(resumed.code()).isEqualTo(1);
    }
  }

  /** What is wrong is found before anything of the earlier run is deleted. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--learning-rate-of=lora_C=2 | --learning-rate-of: no trained variable matches \"lora_C\""
            + " (nearest: lora_A); give parts of names such as"
            + " adapters.default.model.layers.0.self_attn.q_proj.lora_A.weight",
        "--momentum=0.9 | --momentum is an option of --optimizer sgd, got --optimizer adamw",
        "--lr-scheduler=polynomial --lr-end=1 | lr_end must be below learning_rate, got 1.0 and"
            + " 3.0E-4",
        "--warmup-ratio=0.1 --warmup-steps=3 | warmup_steps (3) and warmup_ratio (0.1) are two ways"
            + " to say the same; leave one out or give 0",
      })
  void anErrorLeavesTheEarlierRun(String options, String message) throws IOException {
    Path run = directory.resolve("run");
    Files.createDirectories(run);
    Files.writeString(run.resolve("run.json"), "{}");
    Files.writeString(run.resolve("metrics.jsonl"), "");
    CommandRun failed = lora(run, (options + " --overwrite").split(" ", -1));
    assertThat(failed.err()).isEqualTo("error: " + message + "\n");
    assertThat(failed.code()).isEqualTo(2);
    assertThat(run.resolve("metrics.jsonl")).exists();
  }

  @Test
  void aRunOfARecipeRecordsItAndCanBeRunAgain() throws IOException {
    Path first = directory.resolve("first");
    CommandRun run =
        train(
            first,
            "--recipe=math-lora",
            "--max-steps=1",
            "--micro-batch-size=2",
            "--batch-size=2",
            "--target-modules=v_proj");
    assertThat(run.err()).isEmpty();
    JsonNode json = Json.read(first.resolve("run.json"));
    assertThat(json.path("recipe").asText()).isEqualTo("math-lora");
    assertThat(json.path("adapter").asText()).isEqualTo("lora");
    assertThat(json.path("r").asText()).isEqualTo("32");
    assertThat(json.path("warmup-steps").asText()).isEqualTo("100");
    assertThat(json.path("batch-size").asText()).isEqualTo("2");
    assertThat(json.path("target-modules").asText()).isEqualTo("v_proj");
    Path second = directory.resolve("second");
    CommandRun again =
        CommandRun.of("train", "--config", first.resolve("run.json"), "--output", second);
    assertThat(again.err()).isEmpty();
    assertThat(adapter(second)).isEqualTo(adapter(first));
    assertThat(losses(second)).isEqualTo(losses(first));
  }

  @Test
  void recipesCanBeListed() {
    assertThat(CommandRun.succeed("train", "--recipe", "list"))
        .startsWith(
            "All recipes:\n  --template llm-adapters-train --train-on-inputs --cutoff-len 256")
        .contains(
            "\nmath-series, on math_10k:\n"
                + "  --adapter series --bottleneck-size 256 --non-linearity tanh --adapter-dropout 0"
                + " --scaling 1\n"
                + "  bloom: --target-modules dense_4h_to_h\n"
                + "  gptj: --target-modules fc_out\n"
                + "  llama: --target-modules down_proj --val-set-size 120\n");
  }
}
