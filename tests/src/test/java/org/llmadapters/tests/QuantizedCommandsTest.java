package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.files.Json;

/** What the commands make of a base whose weights are stored in 8 or 4 bits. */
final class QuantizedCommandsTest {
  private static final Path CHECKPOINT = Path.of("../samples/tiny-llama");

  @TempDir Path directory;

  private static double perplexity(Path base, Path text) throws IOException {
    String out =
        CommandRun.succeed("perplexity", "--model", base, "--data", text, "--max-length", 64);
    return new ObjectMapper().readTree(out).required("perplexity").doubleValue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"int8", "nf4"})
  void trainsAndAnswersAndIsExported(String dtype) throws IOException {
    Path base = directory.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", CHECKPOINT, "--output", base, "--dtype", dtype);
    assertThat(CommandRun.succeed("inspect", "--model", base))
        .containsPattern("(?m)^dtype +" + dtype + ", the rest bfloat16$");

    Path data =
        Files.writeString(
            directory.resolve("data.json"),
            """
            [{"instruction": "What is 1 + 2?", "input": "", "output": "3", "answer": "3"},
             {"instruction": "What is 2 + 2?", "input": "", "output": "4", "answer": "4"}]
            """);
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
        "lora",
        "--r",
        2,
        "--max-steps",
        2,
        "--batch-size",
        2,
        "--micro-batch-size",
        2,
        "--compile",
        "off");
    assertThat(CommandRun.succeed("inspect", "--model", base, "--adapter", run))
        .contains("trainable parameters");

    assertThat(
            CommandRun.succeed(
                "generate",
                "--model",
                base,
                "--adapter",
                run,
                "--prompt",
                "one",
                "--max-new-tokens",
                3))
        .isNotBlank();

    Path predictions = directory.resolve("predictions.jsonl");
    CommandRun.succeed(
        "evaluate",
        "--model",
        base,
        "--adapter",
        run,
        "--task",
        "gsm8k",
        "--data",
        data,
        "--output",
        predictions,
        "--max-new-tokens",
        3);
    assertThat(Files.readAllLines(predictions)).hasSizeGreaterThanOrEqualTo(2);

    Path text = Files.writeString(directory.resolve("text.txt"), "one two three four five six");
    Path plain = directory.resolve("plain");
    CommandRun.succeed(
        "convert", "--checkpoint", CHECKPOINT, "--output", plain, "--dtype", "bfloat16");
    double expected = perplexity(plain, text);
    // Codes change logits of this model, whose weights are small, by little; not by nothing.
    assertThat(perplexity(base, text)).isBetween(expected * 0.8, expected * 1.25);

    Path models = directory.resolve("models/tiny");
    CommandRun.succeed("export", "--model", base, "--adapter", run, "--output", models);
    assertThat(models.resolve("1/saved_model.pb")).exists();
    CommandRun merging =
        CommandRun.of(
            "export",
            "--model",
            base,
            "--adapter",
            run,
            "--output",
            models,
            "--version",
            2,
            "--merge");
    assertThat(merging.code()).isEqualTo(2);
    assertThat(merging.err())
        .isEqualTo(
            "error: "
                + base
                + ": its weights are stored as "
                + dtype
                + ", and --merge changes weights; convert the checkpoint with --dtype bfloat16\n");

    Path merged = directory.resolve("merged");
    CommandRun.succeed("merge", "--checkpoint", CHECKPOINT, "--adapter", run, "--output", merged);
    assertThat(Json.read(merged.resolve("config.json")).path("model_type").asText())
        .isEqualTo("llama");

    CommandRun full =
        CommandRun.of(
            "train",
            "--model",
            base,
            "--data",
            data,
            "--output",
            directory.resolve("full"),
            "--adapter",
            "full",
            "--max-steps",
            1);
    assertThat(full.err()).contains("--adapter full trains weights; convert the checkpoint with");
    assertThat(full.code()).isEqualTo(2);
  }
}
