package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;

/**
 * What {@code evaluate} is tested with: a model, an adapter, two tasks and a folder for results.
 */
abstract class EvaluateFixture {
  @TempDir private static Path shared;
  private static Path model = Path.of("");

  /** Answers {@code 2} where the base answers {@code 1}. */
  static Path one = Path.of("");

  @TempDir Path directory;
  final StringWriter out = new StringWriter();
  final StringWriter err = new StringWriter();
  Path output = Path.of("");
  int batchSize = 2;

  @BeforeAll
  static void makeModels() throws IOException {
    model = NumberModel.write(shared);
    one =
        AdapterFiles.write(
            shared.resolve("lora"),
            BaseModel.open(model),
            new LoraConfig(1, 1, 0, TargetModules.of("o_proj")),
            EvaluateFixture::turnOneIntoTwo);
  }

  private static float[] turnOneIntoTwo(AdapterParameter parameter) {
    float[] values = new float[Math.toIntExact(parameter.elements())];
    values[parameter.name().contains("lora_A") ? 3 : 4] = 5;
    return values;
  }

  @BeforeEach
  void writeTasks() throws IOException {
    output = directory.resolve("results");
    write(
        "data/SVAMP/test.json",
        "{\"instruction\": \"one\", \"answer\": 1}",
        "{\"instruction\": \"a longer two\", \"answer\": \"5\"}",
        "{\"instruction\": \"say one in many words\", \"answer\": 2}",
        "{\"instruction\": \"three\", \"answer\": \"3.0\"}",
        "{\"instruction\": \"no number\", \"answer\": \"3.0\"}");
    write(
        "data/AQuA/test.json",
        "{\"instruction\": \"two\", \"answer\": \"A\"}",
        "{\"instruction\": \"three\", \"answer\": \"B\"}");
  }

  Path write(String name, String... lines) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, List.of(lines));
  }

  static Path modelDirectory() {
    return model;
  }

  int evaluate(Object... more) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    List<Object> line =
        new ArrayList<>(
            List.of("--model", model, "--output", output, "--max-new-tokens", 4, "--batch-size"));
    line.add(batchSize);
    line.addAll(List.of(more));
    return CommandRun.of(new EvaluateCommand(), out, err, line.toArray());
  }

  Object[] both(Object... more) {
    Object[] line = {
      "--data-dir",
      directory.resolve("data"),
      "--task",
      "SVAMP",
      "--task",
      "AQuA",
      "--adapter",
      "base",
      "--adapter",
      one
    };
    return Stream.concat(Stream.of(line), Stream.of(more)).toArray();
  }

  void assertFails(String message, Object... line) {
    assertThat(evaluate(line)).isOne();
    assertThat(err.toString().strip()).isEqualTo(message);
  }

  /** Every file below {@code folder}, by its path from there. */
  static Map<String, String> files(Path folder) throws IOException {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.filter(Files::isRegularFile).toList()) {
        files.put(folder.relativize(path).toString(), Files.readString(path));
      }
    }
    return files;
  }
}
