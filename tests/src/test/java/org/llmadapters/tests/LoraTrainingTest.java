package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.conversion.safetensors.SafetensorsFile;

/** What can be chosen about training LoRA, through the command line. */
final class LoraTrainingTest {
  private static final String MODULE = "model.layers.0.self_attn.q_proj.";
  private static final String A = MODULE + "lora_A.weight";
  private static final String B = MODULE + "lora_B.weight";

  @TempDir Path directory;

  private Path base = Path.of("");
  private Path data = Path.of("");

  @BeforeEach
  void prepare() throws IOException {
    base = directory.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", Golden.path("llama/base"), "--output", base);
    data =
        Files.writeString(
            directory.resolve("data.jsonl"),
            "{\"input_ids\": [1, 5, 6, 7, 5, 6, 7, 2]}\n{\"input_ids\": [1, 9, 8, 2]}\n");
  }

  private CommandRun train(Path run, Object... more) {
    Object[] line = {
      "train",
      "--model",
      base,
      "--data",
      data,
      "--output",
      run,
      "--max-steps",
      4,
      "--save-steps",
      2,
      "--batch-size",
      2,
      "--micro-batch-size",
      2,
      "--compile",
      "off"
    };
    return CommandRun.of(Stream.concat(Stream.of(line), Stream.of(more)).toArray());
  }

  private Path lora(String name, Object... more) {
    Path run = directory.resolve(name);
    Object[] lora = {"--adapter", "lora", "--target-modules", "q_proj", "--r", 4};
    CommandRun done = train(run, Stream.concat(Stream.of(lora), Stream.of(more)).toArray());
    assertThat(done.code()).as(done.err()).isZero();
    return run;
  }

  private static float[] tensor(Path run, String name) throws IOException {
    try (PeftAdapter adapter = PeftAdapter.read(run)) {
      return adapter.tensor(name);
    }
  }

  private static Set<String> state(Path run) throws IOException {
    try (SafetensorsFile file =
        SafetensorsFile.open(run.resolve("checkpoint-4/state.safetensors"))) {
      return Set.copyOf(file.tensors().keySet());
    }
  }

  @Test
  void loraFaKeepsAAndNoMomentsOfIt() throws IOException {
    Path plain = lora("plain");
    Path slow = lora("slow", "--learning-rate", "1e-30");
    Path frozen = lora("frozen", "--lora-fa");
    float[] start = tensor(slow, A);
    assertThat(tensor(plain, A)).isNotEqualTo(start);
    assertThat(tensor(frozen, A)).isEqualTo(start);
    assertThat(tensor(frozen, B)).isNotEqualTo(tensor(slow, B));
    String moment = "adam.m.adapters.default." + A;
    assertThat(state(plain)).contains("adapters.default." + A, moment);
    assertThat(state(frozen)).contains("adapters.default." + A).doesNotContain(moment);
  }

  @Test
  void aRatioOfOneChangesNothingAndAnotherDoes() throws IOException {
    byte[] plain = adapter(lora("plain"));
    assertThat(adapter(lora("one", "--loraplus-lr-ratio", 1))).isEqualTo(plain);
    assertThat(adapter(lora("sixteen", "--loraplus-lr-ratio", 16))).isNotEqualTo(plain);
  }

  private static byte[] adapter(Path run) throws IOException {
    return Files.readAllBytes(run.resolve(PeftAdapter.TENSORS_FILE));
  }

  /** As if it had been killed after two of its four steps. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "--init-lora-weights=pissa",
        "--init-lora-weights=pissa_niter_2",
        "--init-lora-weights=olora",
        "--init-lora-weights=orthogonal",
        "--lora-fa",
        "--loraplus-lr-ratio=16"
      })
  void goesOnBitForBit(String option) throws IOException {
    Path run = lora("run", option);
    byte[] whole = adapter(run);
    OutputDirectory.delete(run.resolve("checkpoint-4"));
    Files.delete(run.resolve(PeftAdapter.TENSORS_FILE));
    lora("run", option, "--resume");
    assertThat(adapter(run)).isEqualTo(whole);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--init-lora-weights=pissa", "--lora-fa", "--loraplus-lr-ratio=16"})
  void doesNotGoOnWithAnotherChoice(String option) {
    Path run = lora("run");
    CommandRun resumed =
        train(run, "--adapter", "lora", "--target-modules", "q_proj", "--r", 4, "--resume", option);
    assertThat(resumed.code()).isEqualTo(1);
    assertThat(resumed.err()).contains("was made with another base, other options or data");
  }

  @Test
  void pissaIsSavedAsPlainLora() throws IOException {
    Path run = lora("run", "--init-lora-weights=pissa", "--lora-alpha=6");
    assertThat(Json.read(run.resolve("adapter_config.json")).toString())
        .contains("\"init_lora_weights\":true", "\"r\":8", "\"lora_alpha\":12");
    assertThat(Json.read(run.resolve("run.json")).toString())
        .contains("\"init-lora-weights\":\"pissa\"", "\"r\":\"4\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--adapter=series --r=8 --scaling=2 --lora-fa --target-modules=up_proj | --r is an option"
            + " of --adapter lora, --lora-fa is an option of --adapter lora, got --adapter series",
        "--adapter=lora --bottleneck-size=4 --use-adapterp | --bottleneck-size is an option of"
            + " --adapter series or --adapter parallel, --use-adapterp is an option of --adapter"
            + " series, got --adapter lora",
        "--adapter=full --target-modules=q_proj | --target-modules is an option of --adapter lora"
            + " or --adapter series or --adapter parallel or --adapter ia3, got --adapter full",
        "--adapter=prefix --num-virtual-tokens=2 --encoder-dropout=0 --feedforward-modules=down_proj"
            + " | --feedforward-modules is an option of --adapter ia3, --encoder-dropout is an"
            + " option of --adapter p-tuning, got --adapter prefix",
      })
  void refusesAllOptionsOfOtherKindsAtOnce(String options, String message) {
    CommandRun run = train(directory.resolve("run"), (Object[]) options.split(" ", -1));
    assertThat(run.err()).isEqualTo("error: " + message + "\n");
    assertThat(run.code()).isEqualTo(2);
    assertThat(directory.resolve("run")).doesNotExist();
  }

  /** The file has the options of all kinds. */
  @Test
  void takesTheRunOfOneKindForAnother() {
    Path run = lora("run");
    Path other = directory.resolve("other");
    CommandRun done =
        CommandRun.of(
            "train",
            "--config",
            run.resolve("run.json"),
            "--adapter",
            "parallel",
            "--output",
            other);
    assertThat(done.code()).as(done.err()).isZero();
  }

  @Test
  void aFileCannotAskForFactorsOfOtherKinds() throws IOException {
    Path config =
        Files.writeString(directory.resolve("run.yaml"), "lora-fa: true\nloraplus-lr-ratio: 2\n");
    CommandRun run =
        train(
            directory.resolve("run"),
            "--config",
            config,
            "--adapter",
            "parallel",
            "--target-modules",
            "q_proj");
    assertThat(run.err())
        .isEqualTo(
            "error: --loraplus-lr-ratio and --lora-fa need an adapter with lora_A and lora_B, got"
                + " --adapter parallel; leave them out, or use --adapter lora\n");
    assertThat(run.code()).isEqualTo(2);
  }
}
