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
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.conversion.tokenizer.Tokenizers;

/** What training data may be, through the command line. */
final class TrainingDataTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path SAMPLE = Path.of("../samples/tiny-llama").toAbsolutePath().normalize();

  @TempDir static Path models;

  /** The sample's LLaMA with a chat template. */
  private static Path base = Path.of("");

  @TempDir Path directory;

  @BeforeAll
  static void convert() throws IOException {
    Path checkpoint = Files.createDirectory(models.resolve("checkpoint"));
    try (Stream<Path> files = Files.list(SAMPLE)) {
      for (Path file : files.toList()) {
        Files.copy(file, checkpoint.resolve(file.getFileName()));
      }
    }
    Files.writeString(
        checkpoint.resolve("chat_template.jinja"),
        """
        {{- bos_token }}
        {%- for message in messages %}
            {{- message.role + ': ' + message.content | trim + '\\n' }}
            {%- if message.role == 'assistant' %}{{ eos_token }}{% endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{ 'assistant:' }}{% endif %}
        """);
    base = models.resolve("base");
    CommandRun.succeed("convert", "--checkpoint", checkpoint, "--output", base);
  }

  /** What the template writes was made into tokens by hand. */
  @Test
  void trainsOnWhatTheAssistantSays() throws IOException {
    Path chat =
        write(
            "chat.jsonl",
            """
            {"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5 "},
                          {"role": "user", "content": "And 4?"}, {"role": "assistant", "content": "9"}]}
            """
                .replaceAll("\n +", ""));
    List<Integer> inputIds = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    try (Tokenizer tokenizer = Tokenizers.load(SAMPLE).orElseThrow()) {
      inputIds.add(tokenizer.bosId().getAsInt());
      labels.add(-100);
      String[] parts = {"user: 2 + 3?\nassistant:", " 5\n", "user: And 4?\nassistant:", " 9\n"};
      for (int i = 0; i < parts.length; i++) {
        boolean assistant = i % 2 == 1;
        for (int id : tokenizer.encode(parts[i], false)) {
          inputIds.add(id);
          labels.add(assistant ? id : -100);
        }
        if (assistant) {
          inputIds.add(tokenizer.eosId().getAsInt());
          labels.add(tokenizer.eosId().getAsInt());
        }
      }
    }
    Path tokens =
        write("tokens.jsonl", "{\"input_ids\": " + inputIds + ", \"labels\": " + labels + "}\n");

    train(chat, "chat", 1);
    train(tokens, "tokens", 1);

    assertThat(metrics("chat")).isEqualTo(metrics("tokens"));
  }

  @Test
  void resumesAStreamAtTheSameRecord() throws IOException {
    Path first = tokens("first.jsonl", 0, 11);
    Path second = tokens("second.jsonl", 20, 7);
    Object[] stream = {
      "--data",
      second + "=1",
      "--streaming",
      "--shuffle-buffer=5",
      "--val-set-size=2",
      "--eval-steps=3",
      "--save-steps=2",
      "--save-total-limit=9"
    };
    Path weighted = Path.of(first + "=3");

    train(weighted, "whole", 6, stream);
    Path resumed = Files.createDirectory(directory.resolve("resumed"));
    copy(directory.resolve("whole/checkpoint-2"), resumed.resolve("checkpoint-2"));
    Files.copy(directory.resolve("whole/metrics.jsonl"), resumed.resolve("metrics.jsonl"));
    Files.copy(directory.resolve("whole/run.json"), resumed.resolve("run.json"));
    train(weighted, "resumed", 6, with(stream, "--resume"));

    assertThat(metrics("resumed")).isEqualTo(metrics("whole")).hasSize(6 + 2);
    assertThat(resumed.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(directory.resolve("whole/adapter_model.safetensors"));
  }

  @Test
  void aRunsOwnFileNamesAllItsData() throws IOException {
    Path first = tokens("first.jsonl", 0, 5);
    Path second = tokens("second.jsonl", 20, 7);
    Path third = write("third.csv", "instruction,output\nAdd 2 and 3.,5\n");

    train(first, "run", 2, "--data", second + "=0.5", "--data", third);
    JsonNode data = JSON.readTree(directory.resolve("run/run.json").toFile()).get("data");
    CommandRun.succeed(
        "train",
        "--config",
        directory.resolve("run/run.json"),
        "--output",
        directory.resolve("again"));

    assertThat(data)
        .isEqualTo(JSON.createArrayNode().add(first + "").add(second + "=0.5").add(third + ""));
    assertThat(metrics("again")).isEqualTo(metrics("run"));
  }

  @Test
  void asksInTheWordsOfTheTemplates() throws IOException {
    Path template =
        write(
            "short.json",
            """
            {"prompt_input": "{instruction} {input} A:", "prompt_no_input": "{instruction} A:",
             "response_split": "A:"}
            """);

    assertThat(generate("2 + 3?", "--chat")).isEqualTo(generate("user: 2 + 3?\nassistant:"));
    assertThat(generate("2 + 3?", "--template", template)).isEqualTo(generate("2 + 3? A:"));
    assertThat(generate("2 + 3?", "--chat-template", "chatml"))
        .isNotEqualTo(generate("2 + 3?", "--chat"));
  }

  @Test
  void refusesWhatDoesNotGoTogether() throws IOException {
    Path data = tokens("data.jsonl", 0, 5);
    Path speech = write("speech.jsonl", "{\"text\": \"Hi\"}\n{\"text\": 5}\n");

    assertFails(2, trainLine(data, "--streaming"), "--streaming needs --max-steps");
    assertFails(2, trainLine(data, "--shuffle-buffer=5"), "--shuffle-buffer needs --streaming");
    assertFails(
        2, trainLine(data, "--data", speech + "=0"), "speech.jsonl: the weight must be above 0");
    assertFails(2, trainLine(data, "--chat-template", "chatlm"), "chatml or a Jinja file");
    assertFails(1, trainLine(write("data.xml", "<a/>")), "data.xml", ".jsonl, .csv or .txt");
    assertFails(1, trainLine(speech), "1 bad record", "line 2", "--skip-bad-records");
    assertFails(
        2,
        new Object[] {"generate", "--model", base, "--prompt=", "--chat", "--template=alpaca"},
        "--template and --chat");
  }

  private void assertFails(int code, Object[] arguments, String... parts) {
    CommandRun run = CommandRun.of(arguments);
    assertThat(run.code()).as(run.err()).isEqualTo(code);
    assertThat(run.err()).startsWith("error: ").contains(parts);
    assertThat(directory.resolve("output")).doesNotExist();
  }

  private Object[] trainLine(Path data, Object... more) {
    return with(
        new Object[] {
          "train",
          "--model",
          base,
          "--data",
          data,
          "--adapter=lora",
          "--r=2",
          "--target-modules=q_proj",
          "--output",
          directory.resolve("output")
        },
        more);
  }

  private void train(Path data, String output, int steps, Object... more) {
    CommandRun.succeed(
        with(
            new Object[] {
              "train",
              "--model",
              base,
              "--data",
              data,
              "--adapter=lora",
              "--r=2",
              "--target-modules=q_proj",
              "--compile=off",
              "--max-steps=" + steps,
              "--batch-size=2",
              "--micro-batch-size=2",
              "--output",
              directory.resolve(output)
            },
            more));
  }

  private String generate(String prompt, Object... more) {
    return CommandRun.succeed(
        with(
            new Object[] {
              "generate",
              "--model",
              base,
              "--prompt",
              prompt,
              "--max-new-tokens=12",
              "--compile=off"
            },
            more));
  }

  private static Object[] with(Object[] arguments, Object... more) {
    return Stream.concat(Arrays.stream(arguments), Arrays.stream(more)).toArray();
  }

  private Path tokens(String name, int first, int count) throws IOException {
    StringBuilder lines = new StringBuilder();
    IntStream.range(first, first + count)
        .forEach(i -> lines.append("{\"input_ids\": [1, " + (10 + i) + ", 7, 2]}\n"));
    return write(name, lines.toString());
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.sorted(Comparator.naturalOrder()).toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  /** The lines of {@code metrics.jsonl} without what is measured. */
  private List<JsonNode> metrics(String output) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(directory.resolve(output).resolve("metrics.jsonl"))) {
      ObjectNode json = (ObjectNode) JSON.readTree(line);
      json.remove(List.of("tokens_per_second", "data_fraction", "rss_mib"));
      lines.add(json);
    }
    return lines;
  }
}
