package org.llmadapters.tests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files and wrong options end in one paragraph, and leave no half-written files. */
final class BadInputTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path SAMPLES = Path.of("../samples").toAbsolutePath().normalize();
  private static final Path CHECKPOINT = golden("llama/base");
  private static final Path ADAPTER = golden("llama/adapters/lora");
  private static final String PROBLEM =
      """
      {"instruction": "What is 3 + 4?", "input": "", "output": "3 + 4 = 7.", "answer": "7"}
      """;
  private static final String TOKENS = "{\"input_ids\": [1, 5, 6, 2]}\n";

  @TempDir static Path models;

  /** Golden LLaMA, without a tokenizer. */
  private static Path base = Path.of("");

  /** The sample's LLaMA, with a tokenizer. */
  private static Path speaking = Path.of("");

  @TempDir Path directory;

  private Path checkpoint = Path.of("");
  private Path output = Path.of("");

  private static Path golden(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(BadInputTest.class.getResource("/golden/" + name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @BeforeAll
  static void convert() {
    base = models.resolve("base");
    speaking = models.resolve("speaking");
    CommandRun.succeed("convert", "--checkpoint", CHECKPOINT, "--output", base);
    CommandRun.succeed(
        "convert", "--checkpoint", SAMPLES.resolve("tiny-llama"), "--output", speaking);
  }

  @BeforeEach
  void copyCheckpoint() throws IOException {
    checkpoint = Files.createDirectory(directory.resolve("checkpoint"));
    for (String file : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(CHECKPOINT.resolve(file), checkpoint.resolve(file));
    }
    output = directory.resolve("output");
  }

  /** Every file below {@code directory} with a hash of its content. */
  private Map<String, Integer> files() throws IOException {
    Map<String, Integer> files = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.toList()) {
        boolean file = Files.isRegularFile(path);
        files.put(path.toString(), file ? Arrays.hashCode(Files.readAllBytes(path)) : 0);
      }
    }
    return files;
  }

  /** Runs a command that has to fail with {@code code} and a message of all the {@code parts}. */
  private void assertFails(int code, Object[] arguments, Object... parts) throws IOException {
    Map<String, Integer> before = files();
    CommandRun run = CommandRun.of(arguments);
    assertOneParagraph(run);
    assertThat(run.code()).as(run.err()).isEqualTo(code);
    assertThat(run.err()).contains(Stream.of(parts).map(Object::toString).toList());
    assertThat(files()).as("files").isEqualTo(before);
  }

  private static void assertOneParagraph(CommandRun run) {
    assertThat(run.err())
        .startsWith("error: ")
        .doesNotContain("\n\n", "\tat ", "Exception", ": null")
        .containsOnlyOnce("error: ");
    assertThat(run.out()).isEmpty();
  }

  private static Object[] line(Object... arguments) {
    return arguments;
  }

  private Object[] convertLine() {
    return line("convert", "--checkpoint", checkpoint, "--output", output);
  }

  private Object[] trainLine(Path model, Path data, Object... more) {
    return Stream.concat(
            Stream.of(
                "train", "--model", model, "--data", data, "--adapter", "lora", "--output", output),
            Stream.of(more))
        .toArray();
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private void editConfig(String key, String value) throws IOException {
    Path file = checkpoint.resolve("config.json");
    String text = Files.readString(file);
    String edited = text.replaceAll("\"" + key + "\": [^,\n]*", "\"" + key + "\": " + value);
    assertThat(edited).isNotEqualTo(text);
    Files.writeString(file, edited);
  }

  private Path weights() {
    return checkpoint.resolve("model.safetensors");
  }

  private void editHeader(Consumer<ObjectNode> edit) throws IOException {
    byte[] bytes = Files.readAllBytes(weights());
    int length = Math.toIntExact(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong());
    ObjectNode header = (ObjectNode) JSON.readTree(bytes, 8, length);
    edit.accept(header);
    byte[] edited = header.toString().getBytes(UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(8 + edited.length + bytes.length - 8 - length)
            .order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(edited.length).put(edited).put(bytes, 8 + length, bytes.length - 8 - length);
    Files.write(weights(), file.array());
  }

  @Test
  void truncatedWeights() throws IOException {
    byte[] bytes = Files.readAllBytes(weights());
    for (int length : new int[] {0, 7, 8, 100, bytes.length / 2, bytes.length - 1}) {
      Files.write(weights(), Arrays.copyOf(bytes, length));
      assertFails(1, convertLine(), weights());
    }
  }

  @Test
  void flippedBitsInTheHeader() throws IOException {
    byte[] bytes = Files.readAllBytes(weights());
    int length = Math.toIntExact(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong());
    Random random = new Random(7);
    int failed = 0;
    for (int i = 0; i < 30; i++) {
      byte[] flipped = bytes.clone();
      flipped[random.nextInt(8 + length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(weights(), flipped);
      Map<String, Integer> before = files();
      CommandRun run = CommandRun.of(convertLine());
      if (run.code() != 0) {
        failed++;
        assertOneParagraph(run);
        assertThat(run.err()).contains(checkpoint.toString());
        assertThat(files()).isEqualTo(before);
      } else {
        CommandRun.succeed("inspect", "--model", output);
        output = directory.resolve("output" + i);
      }
    }
    assertThat(failed).isGreaterThan(20);
  }

  @Test
  void weightsInOtherFormats() throws IOException {
    Files.delete(weights());
    assertFails(1, convertLine(), checkpoint, "has none of model.safetensors, ");
    Path index = checkpoint.resolve("model.safetensors.index.json");
    Files.writeString(index, "{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"../2\"}}");
    assertFails(
        1,
        convertLine(),
        index,
        "\"1.safetensors\": no such file",
        "\"../2\": not the plain name of a file in this folder");
    Files.delete(index);
    Path pytorch = checkpoint.resolve("pytorch_model.bin");
    Files.write(pytorch, new byte[] {(byte) 0x80, 2, 'N', '.'});
    assertFails(
        1,
        convertLine(),
        pytorch,
        "is a bare pickle",
        "save_file(state_dict, \"model.safetensors\"");
  }

  @Test
  void headerLongerThanTheFile() throws IOException {
    byte[] bytes = Files.readAllBytes(weights());
    for (long length : new long[] {bytes.length, 1L << 40, Long.MAX_VALUE, -1}) {
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
      Files.write(weights(), bytes);
      assertFails(1, convertLine(), weights(), "header");
    }
  }

  @Test
  void hugeShapes() throws IOException {
    for (String shape : new String[] {"[1099511627776, 1099511627776]", "[4294967296, 32]"}) {
      editHeader(header -> tensor(header).set("shape", tree(shape)));
      assertFails(1, convertLine(), weights(), "model.norm.weight");
    }
    editConfig("vocab_size", "2147483647");
    assertFails(1, convertLine(), checkpoint);
  }

  private static ObjectNode tensor(ObjectNode header) {
    return (ObjectNode) header.get("model.norm.weight");
  }

  private static JsonNode tree(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void misnamedTensorIsBothMissingAndUnknown() throws IOException {
    editHeader(header -> header.set("model.narm.weight", header.remove("model.norm.weight")));
    assertFails(1, convertLine(), weights(), "model.narm.weight", "model.norm.weight", "missing");
  }

  @Test
  void misshapenTensor() throws IOException {
    editHeader(header -> tensor(header).set("shape", tree("[4, 8]")));
    assertFails(1, convertLine(), weights(), "model.norm.weight", "[4, 8]", "expected [32]");
  }

  @Test
  void noCheckpointAtAll() throws IOException {
    checkpoint = directory.resolve("nowhere");
    assertFails(1, convertLine(), checkpoint);
    checkpoint = Files.createDirectory(directory.resolve("empty"));
    assertFails(1, convertLine(), checkpoint, "config.json");
  }

  @Test
  void impossibleConfigs() throws IOException {
    editConfig("rms_norm_eps", "NaN");
    assertFails(1, convertLine(), checkpoint.resolve("config.json"), "NaN");
    editConfig("rms_norm_eps", "1e-6");
    editConfig("model_type", "\"mamba\"");
    assertFails(1, convertLine(), checkpoint.resolve("config.json"), "mamba", "llama");
    editConfig("model_type", "\"llama\"");
    editConfig("num_attention_heads", "5");
    assertFails(1, convertLine(), checkpoint.resolve("config.json"), "num_attention_heads");
    Files.writeString(checkpoint.resolve("config.json"), "{\n\"model_type\": ");
    assertFails(1, convertLine(), checkpoint.resolve("config.json"), "is not JSON at line 2");
  }

  @Test
  void adapterOfAnotherModel() throws IOException {
    String misfit = "16 tensors do not fit llama (hidden_size=128, num_hidden_layers=4)";
    Path prompts = write("prompts.txt", "hello\n");
    Path problems = write("problems.json", "[" + PROBLEM + "]");
    assertFails(1, line("inspect", "--model", speaking, "--adapter", ADAPTER), misfit);
    assertFails(
        1,
        line(
            "generate",
            "--model",
            speaking,
            "--adapter",
            ADAPTER,
            "--prompts",
            prompts,
            "--output",
            output),
        misfit);
    assertFails(
        1,
        line(
            "evaluate",
            "--model",
            speaking,
            "--adapter",
            ADAPTER,
            "--task",
            "math",
            "--data",
            problems,
            "--output",
            output),
        misfit);
    assertFails(
        1, line("export", "--model", speaking, "--adapter", ADAPTER, "--output", output), misfit);
    assertFails(
        1,
        line("export", "--model", speaking, "--adapter", ADAPTER, "--output", output, "--merge"),
        misfit);
    assertFails(
        1,
        line(
            "merge",
            "--checkpoint",
            SAMPLES.resolve("tiny-llama"),
            "--adapter",
            ADAPTER,
            "--output",
            output),
        misfit);
    assertFails(1, trainLine(speaking, problems, "--init-adapter", ADAPTER), misfit);
  }

  @Test
  void targetThatMatchesNothing() throws IOException {
    Path data = write("data.jsonl", TOKENS);
    assertFails(
        2,
        trainLine(base, data, "--target-modules", "query"),
        "target_modules: nothing in the model matches query",
        "q_proj");
    assertFails(2, trainLine(base, data, "--target-modules", "q_(proj"), "target");
  }

  @Test
  void uselessData() throws IOException {
    assertFails(1, trainLine(base, write("empty.json", "[]")), "empty.json");
    assertFails(1, trainLine(base, write("empty.jsonl", "")), "empty.jsonl");
    assertFails(1, trainLine(base, directory.resolve("none.json")), "none.json");
    assertFails(1, trainLine(base, write("numbers.json", "[1, 2]")), "numbers.json");
    assertFails(
        1, trainLine(base, write("ids.jsonl", "{\"input_ids\": [1, 5, 97]}\n")), "ids.jsonl", "97");
    assertFails(
        1,
        trainLine(speaking, write("task.jsonl", "{\"question\": \"?\", \"answer\": \"7\"}\n")),
        "task.jsonl",
        "instruction");
    assertFails(
        1,
        trainLine(
            speaking, write("lines.jsonl", PROBLEM + "{\"instruction\n" + PROBLEM + "nope\n")),
        "lines.jsonl",
        "line 2",
        "line 4");
    assertFails(
        1,
        line(
            "evaluate",
            "--model",
            speaking,
            "--task",
            "math",
            "--data",
            write("t.jsonl", TOKENS),
            "--output",
            output),
        "t.jsonl",
        "instruction");
    assertFails(
        1,
        line("score", "--task", "math", "--predictions", write("p.jsonl", PROBLEM + "nope\n")),
        "p.jsonl",
        "line 2");
  }

  @Test
  void placesThatCannotBeWrittenTo() throws IOException {
    Path file = write("file", "precious");
    Path full = Files.createDirectory(directory.resolve("full"));
    Files.writeString(full.resolve("notes.txt"), "precious");
    Path data = write("data.jsonl", TOKENS);
    for (Path place : new Path[] {file, file.resolve("below"), full}) {
      output = place;
      int code = place.equals(file.resolve("below")) ? 1 : 2;
      assertFails(code, convertLine(), place);
      assertFails(
          code,
          line("merge", "--checkpoint", CHECKPOINT, "--adapter", ADAPTER, "--output", place),
          place);
      assertFails(code, trainLine(base, data, "--max-steps", 1), place);
    }
    output = full;
    assertFails(2, trainLine(base, data, "--overwrite"), "notes.txt", "nothing was deleted");
    output = checkpoint;
    assertFails(2, trainLine(base, data, "--overwrite"), "no run.json", "nothing was deleted");
    assertFails(1, line("export", "--model", base, "--output", file), file);
    Path problems = write("problems.json", "[" + PROBLEM + "]");
    for (Path place : new Path[] {file, file.resolve("below"), full}) {
      assertFails(
          place.equals(file.resolve("below")) ? 1 : 2,
          line(
              "evaluate",
              "--model",
              speaking,
              "--task",
              "math",
              "--data",
              problems,
              "--output",
              place,
              "--max-new-tokens",
              2),
          place);
    }
  }

  @Test
  void directoriesOfTheWrongKind() throws IOException {
    Path data = write("data.jsonl", TOKENS);
    assertFails(1, trainLine(checkpoint, data), checkpoint, "convert it first");
    assertFails(
        1,
        line("export", "--model", checkpoint, "--output", output),
        checkpoint,
        "convert it first");
    checkpoint = base;
    assertFails(1, convertLine(), base, "is a base SavedModel, expected a Hugging Face checkpoint");
    assertFails(1, trainLine(base, data, "--init-adapter", base), base, "adapter_config.json");
    assertFails(1, line("inspect", "--model", ADAPTER), ADAPTER);
  }

  @Test
  void textWithoutTokenizer() throws IOException {
    Path data = write("data.jsonl", PROBLEM);
    assertFails(1, trainLine(base, data), base, "no tokenizer", "pre-tokenized");
    assertFails(1, line("generate", "--model", base, "--prompt", "hi"), base, "no tokenizer");
  }

  @Test
  void resumingWithOtherOptions() throws IOException {
    Path data = write("data.jsonl", TOKENS.repeat(4));
    Object[] shape =
        line(
            "--batch-size",
            2,
            "--micro-batch-size",
            2,
            "--max-steps",
            2,
            "--cutoff-len",
            16,
            "--compile",
            "off");
    CommandRun.succeed(trainLine(base, data, shape));
    assertFails(
        1,
        trainLine(
            base,
            data,
            Stream.concat(Stream.of("--resume", "--learning-rate", 1), Stream.of(shape)).toArray()),
        "checkpoint-2",
        "resume");
    // A typo elsewhere must not cost the earlier run.
    assertFails(1, trainLine(base, directory.resolve("typo.jsonl"), "--overwrite"), "typo.jsonl");
  }

  @Test
  void wrongUsage() throws IOException {
    Path data = write("data.jsonl", TOKENS);
    assertFails(2, line(), "name a command");
    assertFails(2, line("convrt"), "convrt", "Did you mean", "convert");
    assertFails(
        2,
        line("convert", "--chekpoint", checkpoint, "--output", output),
        "--chekpoint",
        "--checkpoint");
    assertFails(2, line("convert", "--output", output), "--checkpoint=DIR");
    assertFails(
        2,
        line(
            "merge",
            "--checkpoint",
            checkpoint,
            "--adapter",
            ADAPTER,
            "--output",
            output,
            "--max-shard-size",
            "5"),
        "--max-shard-size",
        "'5' is not a size; expected a number with KB, MB or GB, such as 500MB");
    assertFails(2, trainLine(base, data, "--lora-r", 8), "--lora-r", "--lora-alpha");
    assertFails(2, trainLine(base, data, "--r", "many"), "--r", "many");
    assertFails(2, trainLine(base, data, "--r", 0), "r ", "0");
    assertFails(2, trainLine(base, data, "--lora-dropout", "NaN"), "lora_dropout", "NaN");
    assertFails(2, trainLine(base, data, "--learning-rate", "NaN"), "learning_rate", "NaN");
    assertFails(2, trainLine(base, data, "--lr-scheduler", "step"), "step", "cosine");
    assertFails(2, trainLine(base, data, "--template", "vicuna"), "vicuna", "alpaca");
    assertFails(
        2,
        line("train", "--model", base, "--data", data, "--adapter", "loraa", "--output", output),
        "unknown adapter \"loraa\"; known: lora, series, parallel");
    assertFails(2, trainLine(base, data, "--random-init"), "random");
    assertFails(2, trainLine(base, data, "--val-set-size", 5), "val_set_size");
    assertFails(
        2,
        trainLine(base, data, "--batch-size", 10, "--micro-batch-size", 4),
        "batch_size (10) must be a multiple of micro_batch_size (4)");
    assertFails(
        2,
        line("evaluate", "--model", base, "--task", "boolq2", "--data", data, "--output", output),
        "unknown task \"boolq2\"; known: AddSub,");
  }

  @Test
  void configFilesThatAreNone() throws IOException {
    Path data = write("data.jsonl", TOKENS);
    assertFails(
        1, trainLine(base, data, "--config", write("a.yaml", "learning-rate: [3\n")), "a.yaml");
    assertFails(1, trainLine(base, data, "--config", write("b.yaml", "just words\n")), "b.yaml");
    assertFails(
        1,
        trainLine(base, data, "--config", write("c.yaml", "learning-rat: 3e-4\nsede: 1\n")),
        "c.yaml",
        "unknown option \"learning-rat\"; did you mean \"learning-rate\"?",
        "unknown option \"sede\"");
    assertFails(
        2, trainLine(base, data, "--config", write("d.yaml", "batch-size: lots\n")), "lots");
    assertFails(1, trainLine(base, data, "--config", directory.resolve("e.yaml")), "e.yaml");
    assertFails(2, trainLine(base, data, "--config"), "--config");
  }

  @Test
  void verboseAddsTheStackTrace() throws IOException {
    CommandRun run =
        CommandRun.of("--verbose", "convert", "--checkpoint", base, "--output", output);
    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).startsWith("error: ").contains("\tat org.llmadapters.conversion.");
    assertThat(output).doesNotExist();
  }
}
