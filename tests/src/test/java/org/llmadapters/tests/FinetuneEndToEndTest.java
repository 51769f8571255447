package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The main job, through the command line, on the sample in {@code samples/}. */
final class FinetuneEndToEndTest {
  private static final Path SAMPLES = Path.of("../samples").toAbsolutePath().normalize();
  private static final Path TINY_LLAMA = SAMPLES.resolve("tiny-llama");
  private static final Path PROBLEMS = SAMPLES.resolve("word-problems");
  private static final Pattern LOSS = Pattern.compile("\"loss\" ?: ?([-0-9.Ee]+)");
  private static final String QUESTION =
      "Tom has 3 apples. He buys 4 more. Then he gives 2 to Anna. How many apples does he have?";

  @TempDir Path directory;

  @Test
  void loraTeachesTheSampleTwoStepProblems() throws IOException {
    Path base = convert();
    assertThat(CommandRun.succeed("inspect", "--model", base)).contains("869504", "q_proj");
    double before = evaluate(base, "base.jsonl");
    Path run = directory.resolve("run");
    train(
        base,
        run,
        "--lora-alpha",
        16,
        "--batch-size",
        32,
        "--micro-batch-size",
        32,
        "--learning-rate",
        "5e-3",
        "--lr-scheduler",
        "cosine",
        "--warmup-steps",
        10,
        "--max-steps",
        60,
        "--compile",
        "on",
        "--target-modules",
        "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj");
    assertThat(run.resolve("adapter_model.safetensors")).exists();
    double after = evaluate(base, "adapted.jsonl", "--adapter", run);
    assertThat(before).isLessThanOrEqualTo(10);
    assertThat(after).isGreaterThanOrEqualTo(before + 20);

    Path merged = directory.resolve("merged");
    CommandRun.succeed(
        "merge",
        "--checkpoint",
        TINY_LLAMA,
        "--adapter",
        run,
        "--output",
        merged,
        "--dtype",
        "float32");
    Path mergedBase = directory.resolve("merged-base");
    CommandRun.succeed("convert", "--checkpoint", merged, "--output", mergedBase);
    String answer = generate(base, "--adapter", run);
    assertThat(answer).contains("The answer is");
    assertThat(generate(mergedBase)).isEqualTo(answer);

    Path models = directory.resolve("models");
    CommandRun.succeed("export", "--model", base, "--adapter", run, "--output", models);
    CommandRun.succeed(
        "export", "--model", base, "--adapter", run, "--output", models, "--version", 2, "--merge");
    assertThat(models.resolve("1/saved_model.pb")).exists();
    assertThat(models.resolve("2/saved_model.pb")).exists();
  }

  @Test
  void aRunsOwnFileRepeatsItBitForBit() throws IOException {
    Path base = convert();
    Path run = directory.resolve("run");
    train(
        base,
        run,
        "--batch-size",
        4,
        "--micro-batch-size",
        2,
        "--max-steps",
        3,
        "--val-set-size",
        4,
        "--eval-steps",
        2,
        "--weight-decay",
        "0.1",
        "--compile",
        "off",
        "--lora-dropout",
        "0.1");
    assertThat(Files.readString(run.resolve("metrics.jsonl"))).contains("eval_loss");
    Path again = directory.resolve("again");
    CommandRun.succeed("train", "--config", run.resolve("run.json"), "--output", again);
    assertThat(again.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(run.resolve("adapter_model.safetensors"));
    assertThat(losses(again)).hasSize(3).isEqualTo(losses(run));
  }

  @Test
  void fullTrainingFromRandomWeightsMakesACheckpoint() throws IOException {
    Path sizes = Files.createDirectory(directory.resolve("sizes"));
    Files.writeString(
        sizes.resolve("config.json"),
        """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 19, "hidden_size": 8,
         "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
         "max_position_embeddings": 32, "rms_norm_eps": 1e-6, "hidden_act": "silu", "bos_token_id": 1,
         "eos_token_id": 2, "torch_dtype": "float32", "tie_word_embeddings": false}
        """);
    Path data = directory.resolve("data.jsonl");
    Files.writeString(data, "{\"input_ids\": [1, 5, 6, 7, 5, 6, 7, 2]}\n".repeat(4));
    Path run = directory.resolve("run");
    CommandRun.succeed(
        "train",
        "--model",
        sizes,
        "--random-init",
        "--adapter",
        "full",
        "--data",
        data,
        "--output",
        run,
        "--batch-size",
        4,
        "--micro-batch-size",
        4,
        "--max-steps",
        20,
        "--learning-rate",
        "1e-2",
        "--cutoff-len",
        16,
        "--compile",
        "off");
    List<Double> losses = losses(run);
    assertThat(losses.get(losses.size() - 1)).isLessThan(losses.get(0) - 0.5);
    Path base = directory.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", run, "--output", base);
    assertThat(CommandRun.succeed("inspect", "--model", base)).contains("vocab_size");
  }

  private Path convert() {
    Path base = directory.resolve("base");
    CommandRun.succeed(
        "convert", "--checkpoint", TINY_LLAMA, "--output", base, "--dtype", "float32");
    return base;
  }

  private static void train(Path base, Path run, Object... more) {
    Stream<Object> line =
        Stream.of(
            "train",
            "--model",
            base,
            "--data",
            PROBLEMS.resolve("train.json"),
            "--adapter",
            "lora",
            "--output",
            run,
            "--cutoff-len",
            112);
    boolean dropout = Stream.of(more).anyMatch("--lora-dropout"::equals);
    Stream<Object> rate = dropout ? Stream.of() : Stream.of("--lora-dropout", 0);
    CommandRun.succeed(Stream.of(line, rate, Stream.of(more)).flatMap(part -> part).toArray());
  }

  /** Percent of right answers to the first 20 test problems. */
  private double evaluate(Path model, String predictions, Object... more) {
    String out =
        CommandRun.succeed(
            Stream.concat(
                    Stream.of(
                        "evaluate",
                        "--model",
                        model,
                        "--task",
                        "math",
                        "--data",
                        PROBLEMS.resolve("test.json"),
                        "--output",
                        directory.resolve(predictions),
                        "--limit",
                        20,
                        "--batch-size",
                        20,
                        "--max-new-tokens",
                        32),
                    Stream.of(more))
                .toArray());
    Matcher percent = Pattern.compile("accuracy ([0-9.]+)").matcher(out);
    assertThat(percent.find()).as(out).isTrue();
    return 100 * Double.parseDouble(percent.group(1));
  }

  private static String generate(Path model, Object... more) {
    return CommandRun.succeed(
        Stream.concat(
                Stream.of(
                    "generate",
                    "--model",
                    model,
                    "--template",
                    "alpaca",
                    "--prompt",
                    QUESTION,
                    "--max-new-tokens",
                    32),
                Stream.of(more))
            .toArray());
  }

  private static List<Double> losses(Path run) throws IOException {
    return LOSS.matcher(Files.readString(run.resolve("metrics.jsonl")))
        .results()
        .map(match -> Double.valueOf(match.group(1)))
        .toList();
  }
}
