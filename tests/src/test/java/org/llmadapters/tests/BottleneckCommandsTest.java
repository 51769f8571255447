package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.files.Json;

/** Series and parallel adapters through the command line. */
final class BottleneckCommandsTest {
  @TempDir Path directory;

  private Path base(String family) {
    Path base = directory.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", Golden.path(family + "/base"), "--output", base);
    return base;
  }

  private Path data() throws IOException {
    return Files.writeString(
        directory.resolve("data.jsonl"),
        "{\"input_ids\": [1, 5, 6, 7, 5, 6, 7, 2]}\n{\"input_ids\": [1, 9, 8, 2]}\n");
  }

  @Test
  void aSeriesAdapterIsTrainedInspectedAndExportedButNotMerged() throws IOException {
    Path base = base("opt");
    Path run = directory.resolve("run");
    CommandRun.succeed(
        "train",
        "--model",
        base,
        "--data",
        data(),
        "--adapter",
        "series",
        "--use-adapterp",
        "--bottleneck-size",
        5,
        "--non-linearity",
        "gelu",
        "--adapter-dropout",
        "0.25",
        "--scaling",
        "learned",
        "--bias",
        "adapter_only",
        "--max-steps",
        2,
        "--batch-size",
        2,
        "--micro-batch-size",
        2,
        "--output",
        run);
    assertThat(Json.read(run.resolve("adapter_config.json")).toString())
        .contains(
            "\"peft_type\":\"BOTTLENECK\"",
            "\"bottleneck_size\":5",
            "\"non_linearity\":\"gelu\"",
            "\"adapter_dropout\":0.25",
            "\"bias\":\"adapter_only\"",
            "\"scaling\":\"learned\"",
            "\"target_modules\":[\"fc2\"]",
            "\"use_adapterp\":true",
            "\"use_parallel_adapter\":false");
    Path again = directory.resolve("again");
    CommandRun.succeed("train", "--config", run.resolve("run.json"), "--output", again);
    assertThat(again.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(run.resolve("adapter_model.safetensors"));

    // two layers of 32 -> 5 -> 32, one scale and a bias of 32
    String inspected = CommandRun.succeed("inspect", "--model", base, "--adapter", run);
    assertThat(inspected).contains("series", "learned", "gelu", "adapter_only", "706");

    Path models = directory.resolve("models");
    CommandRun.succeed("export", "--model", base, "--adapter", run, "--output", models);
    assertThat(models.resolve("1/saved_model.pb")).exists();
    String refusal =
        run
            + ": an adapter of the kind series computes more than a change of weights and cannot be"
            + " merged, as these can: lora, ia3; export it without --merge, which keeps it beside the"
            + " model";
    fails(
        refusal,
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
    assertThat(models.resolve("2")).doesNotExist();
    Path merged = directory.resolve("merged");
    fails(
        refusal,
        "merge",
        "--checkpoint",
        Golden.path("opt/base"),
        "--adapter",
        run,
        "--output",
        merged);
    assertThat(merged).doesNotExist();
  }

  private static void fails(String message, Object... arguments) {
    CommandRun run = CommandRun.of(arguments);
    assertThat(run.code()).as(run.err()).isNotZero();
    assertThat(run.err()).contains(message);
  }

  private void trainFails(Path base, String message, Object... more) throws IOException {
    Path run = directory.resolve("run");
    Object[] line = {"train", "--model", base, "--data", data(), "--output", run};
    fails(message, Stream.concat(Arrays.stream(line), Arrays.stream(more)).toArray());
    assertThat(run).doesNotExist();
  }

  @Test
  void saysWhatIsWrongWithTheOptions() throws IOException {
    Path base = base("mistral");
    String noDefault =
        " has no default targets for mistral: name them with --target-modules; list the modules"
            + " with: llm-adapters inspect --model "
            + base;
    trainFails(base, "--adapter series" + noDefault, "--adapter", "series");
    trainFails(base, "--adapter parallel" + noDefault, "--adapter", "parallel");
    trainFails(
        base,
        "--use-adapterp is an option of --adapter series, got --adapter parallel",
        "--adapter",
        "parallel",
        "--use-adapterp");
    trainFails(
        base,
        "bias must be none, adapter_only or all, got \"lora_only\"",
        "--adapter",
        "parallel",
        "--target-modules",
        "q_proj",
        "--bias",
        "lora_only");
    trainFails(
        base,
        "--bias is an option of --adapter lora or --adapter series or --adapter parallel, got"
            + " --adapter ia3",
        "--adapter",
        "ia3",
        "--bias",
        "all");
    trainFails(
        base,
        "--scaling must be a number or learned, got big",
        "--adapter",
        "series",
        "--scaling",
        "big");
    trainFails(
        base,
        "non_linearity must be one of silu,",
        "--adapter",
        "series",
        "--non-linearity",
        "maxout");
    trainFails(
        base,
        "target_modules: model.layers.0.self_attn.q_proj is not a projection of an MLP, where a"
            + " series adapter sits; leave it out, or use a parallel adapter",
        "--adapter",
        "series",
        "--target-modules",
        "q_proj");
  }
}
