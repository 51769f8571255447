package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.adapters.PromptLearning;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;

/** Prefix, prompt and P-tuning, and IA3, through the command line. */
final class VirtualTokenCommandsTest {
  @TempDir Path directory;

  private Path base(String family) {
    Path base = directory.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", Golden.path(family + "/base"), "--output", base);
    return base;
  }

  private Path data(int tokens) throws IOException {
    String ids =
        IntStream.range(0, tokens).mapToObj(i -> String.valueOf(3 + i % 90)).toList().toString();
    return Files.writeString(
        directory.resolve("data.jsonl"), "{\"input_ids\": " + ids + "}\n{\"input_ids\": [5, 6]}\n");
  }

  private static Object[] train(Path base, Path data, Path output, String... options) {
    List<Object> line =
        new ArrayList<>(
            List.of(
                "train",
                "--model",
                base,
                "--data",
                data,
                "--output",
                output,
                "--max-steps",
                2,
                "--batch-size",
                2,
                "--micro-batch-size",
                2));
    line.addAll(Arrays.asList(options));
    return line.toArray();
  }

  /** The golden models have 2 layers of 32 wide, 4 heads of 8, and an MLP of 48 or 128. */
  @ParameterizedTest
  @CsvSource({
    "llama, prefix, --prefix-projection, PREFIX_TUNING, 640",
    "opt, prefix, --num-virtual-tokens=5, PREFIX_TUNING, 640",
    "bloom, prompt, --num-virtual-tokens=5, PROMPT_TUNING, 160",
    "gpt_neo, p-tuning, --encoder-reparameterization-type=LSTM, P_TUNING, 160",
    "gptj, ia3, --feedforward-modules=fc_out, IA3, 384"
  })
  void isTrainedInspectedAndExported(
      String family, String kind, String option, String peftType, int stored) throws IOException {
    Path base = base(family);
    Path run = directory.resolve("run");
    String tokens = kind.equals("ia3") ? "--learning-rate=1e-3" : "--num-virtual-tokens=5";
    String[] options =
        option.startsWith("--num")
            ? new String[] {"--adapter", kind, option}
            : new String[] {"--adapter", kind, tokens, option};
    CommandRun.succeed(train(base, data(8), run, options));
    assertThat(Json.read(run.resolve("adapter_config.json")).get("peft_type").textValue())
        .isEqualTo(peftType);
    assertThat(CommandRun.succeed("inspect", "--model", base, "--adapter", run))
        .containsPattern("(?m)^trainable parameters +" + stored + ",");
    Path again = directory.resolve("again");
    CommandRun.succeed("train", "--config", run.resolve("run.json"), "--output", again);
    assertThat(again.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(run.resolve("adapter_model.safetensors"));
    Path models = directory.resolve("models/tiny");
    CommandRun.succeed("export", "--model", base, "--adapter", run, "--output", models);
    assertThat(models.resolve("1/saved_model.pb")).exists();
    Path merged = directory.resolve("merged");
    CommandRun merging =
        CommandRun.of(
            "merge",
            "--checkpoint",
            Golden.path(family + "/base"),
            "--adapter",
            run,
            "--output",
            merged);
    if (kind.equals("ia3")) {
      assertThat(merging.code()).as(merging.err()).isZero();
      assertThat(merging.out()).contains("checked     logits differ by at most");
    } else {
      assertThat(merging.code()).isNotZero();
      assertThat(merging.err()).contains("an adapter of the kind " + kind, "cannot be merged");
      assertThat(merged).doesNotExist();
    }
  }

  @Test
  void anEncoderThatIsNotStoredCannotBeTrainedOn() throws IOException {
    Path base = base("llama");
    Path run = directory.resolve("run");
    CommandRun.succeed(train(base, data(8), run, "--adapter", "p-tuning"));
    CommandRun again =
        CommandRun.of(
            train(
                base,
                data(8),
                directory.resolve("again"),
                "--adapter",
                "p-tuning",
                "--init-adapter",
                run.toString()));
    assertThat(again.code()).isNotZero();
    assertThat(again.err())
        .contains(
            "an adapter of the kind p-tuning with an encoder stores what the encoder gave, not the"
                + " encoder, and cannot be trained further; go on from a checkpoint of its run with"
                + " --resume");
  }

  /** The golden OPT has 64 positions. */
  @Test
  void examplesMustLeaveLearnedPositionsForVirtualTokens() throws IOException {
    Path base = base("opt");
    Path run = directory.resolve("run");
    CommandRun training =
        CommandRun.of(
            train(base, data(60), run, "--adapter", "prompt", "--num-virtual-tokens", "5"));
    assertThat(training.code()).isNotZero();
    assertThat(training.err())
        .contains(
            "examples have up to 60 tokens, but the model has 64 positions, 5 of them for virtual"
                + " tokens; set --cutoff-len to 59 or less");
    assertThat(run).doesNotExist();
    CommandRun.succeed(
        train(base, data(59), run, "--adapter", "prompt", "--num-virtual-tokens", "5"));
  }

  /** The sample's tokenizer has whole words; 7 virtual tokens repeat a shorter text. */
  @Test
  void aPromptMayStartAsAText() throws IOException {
    Path output = directory.resolve("base");
    Converter.convert(Path.of("../samples/tiny-llama"), output, WeightDtype.FLOAT32, false);
    BaseModel base = BaseModel.open(output);
    String text = "How many apples are there?";
    int[] ids;
    try (Tokenizer tokenizer = base.requireTokenizer()) {
      ids = tokenizer.encode(text, false);
    }
    assertThat(ids.length).isBetween(2, 6);
    PromptConfig config =
        new PromptConfig(PromptLearning.ofEmbeddings(7, base.config()), Optional.of(text));
    try (AdapterTrainee trainee =
        AdapterTrainee.open(base, config, null, 1, SessionOptions.oneReplica())) {
      float[] prompt = trainee.session().value(trainee.variables().get(0));
      Weight embedding = base.graph().weights().get(0);
      assertThat(embedding.name()).isEqualTo("model.embed_tokens.weight");
      float[] rows = trainee.session().value(embedding);
      int width = base.config().sizes().hiddenSize();
      for (int row = 0; row < 7; row++) {
        int id = ids[row % ids.length];
        assertThat(Arrays.copyOfRange(prompt, row * width, (row + 1) * width))
            .as("virtual token %d", row)
            .isEqualTo(Arrays.copyOfRange(rows, id * width, (id + 1) * width));
      }
    }
  }
}
