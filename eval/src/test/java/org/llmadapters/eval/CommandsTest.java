package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;

final class CommandsTest {
  @TempDir private static Path shared;
  private static String model = "";

  @TempDir private Path directory;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeAll
  static void makeModel() throws IOException {
    model = NumberModel.write(shared).toString();
  }

  private int run(Object command, Object... arguments) {
    return CommandRun.of(command, out, err, arguments);
  }

  private Path write(String name, String... lines) throws IOException {
    return Files.write(directory.resolve(name), List.of(lines));
  }

  @Test
  void generatePrintsTheResponseAlone() {
    assertThat(run(new GenerateCommand(), "--model", model, "--prompt", "say three")).isZero();
    assertThat(out.toString().strip()).isEqualTo("3");
  }

  @Test
  void generateCompilesOnRequest() {
    assertThat(run(new GenerateCommand(), "--model", model, "--compile", "on", "--prompt", "one"))
        .isZero();
    assertThat(out.toString().strip()).isEqualTo("1");
  }

  @Test
  void generateSearchesWithBeams() {
    assertThat(
            run(new GenerateCommand(), "--model", model, "--num-beams", 3, "--prompt", "say three"))
        .isZero();
    assertThat(out.toString().strip()).isEqualTo("3");
  }

  /** Nine words; two beams with one end token need four candidates, five need ten. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--num-beams 0 | num_beams must be between 1 and 256, got 0",
        "--num-beams 5 | num_beams 5 needs 10 candidates per step, more than vocab_size 9",
        "--num-beams 2 --compile on | beam search is not compiled by XLA; use --compile off or auto"
            + " with --num-beams",
        "--num-beams 2 --early-stopping maybe | early_stopping must be one of false, true, never, got"
            + " maybe",
        "--length-penalty 2 | --length-penalty and --early-stopping need --num-beams of 2 or more",
        "--early-stopping true | --length-penalty and --early-stopping need --num-beams of 2 or more",
      })
  void generateRefusesBeamsThatCannotBeSearched(String flags, String problem) {
    List<Object> arguments = new ArrayList<>(List.of("--model", model, "--prompt", "one"));
    arguments.addAll(List.of(flags.split(" ", -1)));
    assertThat(run(new GenerateCommand(), arguments.toArray())).isEqualTo(1);
    assertThat(err.toString().strip()).isEqualTo(problem);
  }

  /** Each adds to what the answer to "one" is chosen by, the second more than the first. */
  @Test
  void generateStacksAdapters() throws IOException {
    Path two = adapter("two", 4, 5);
    Path three = adapter("three", 5, 20);
    Object[] base = {"--model", model, "--prompt", "one"};
    List<String> answers = new ArrayList<>();
    for (Object[] adapters :
        new Object[][] {
          {}, {"--adapter", two}, {"--adapter", two, "--adapter", three},
        }) {
      out.getBuffer().setLength(0);
      assertThat(
              run(
                  new GenerateCommand(),
                  Stream.concat(Stream.of(base), Stream.of(adapters)).toArray()))
          .isZero();
      answers.add(out.toString().strip());
    }
    assertThat(answers).containsExactly("1", "2", "3");
  }

  /** A LoRA that adds {@code times} the dimension of "one" to that of another word. */
  private Path adapter(String name, int dimension, float times) throws IOException {
    return AdapterFiles.write(
        directory.resolve(name),
        BaseModel.open(Path.of(model)),
        new LoraConfig(1, 1, 0, TargetModules.of("o_proj")),
        parameter -> {
          float[] values = new float[Math.toIntExact(parameter.elements())];
          boolean reads = parameter.name().contains("lora_A");
          values[reads ? 3 : dimension] = reads ? 1 : times;
          return values;
        });
  }

  @Test
  void generateReplacesAFileOnlyOnRequest() throws IOException {
    Path output = write("answers.jsonl", "precious");
    Object[] arguments = {"--model", model, "--prompt", "one", "--output", output};
    assertThat(run(new GenerateCommand(), arguments)).isEqualTo(1);
    assertThat(err.toString().strip())
        .isEqualTo(output + ": exists; name another file, or give --overwrite");
    assertThat(output).hasContent("precious");
    Object[] overwriting = Arrays.copyOf(arguments, arguments.length + 1);
    overwriting[arguments.length] = "--overwrite";
    assertThat(run(new GenerateCommand(), overwriting)).isZero();
    assertThat(output).content().startsWith("{\"prompt\":\"one\"");
  }

  @Test
  void generatePrintsAJsonLineForEveryPrompt() throws IOException {
    Path prompts = write("prompts.txt", "two", "", "a much longer one");
    assertThat(run(new GenerateCommand(), "--model", model, "--prompts", prompts)).isZero();
    assertThat(out.toString().lines())
        .containsExactly(
            "{\"prompt\":\"two\",\"response\":\"2\",\"tokens\":2}",
            "{\"prompt\":\"a much longer one\",\"response\":\"1\",\"tokens\":2}");
  }

  @Test
  void generateWritesJsonLinesToAFile() throws IOException {
    Path output = directory.resolve("answers.jsonl");
    int exit =
        run(
            new GenerateCommand(),
            "--model",
            model,
            "--prompt",
            "no number",
            "--template",
            "alpaca",
            "--max-new-tokens",
            3,
            "--output",
            output);
    assertThat(exit).isZero();
    assertThat(output).hasContent("{\"prompt\":\"no number\",\"response\":\"\",\"tokens\":3}");
    assertThat(out.toString().strip()).isEqualTo(output.toString());
  }

  @Test
  void generateRefusesAFileWithoutPrompts() throws IOException {
    Path prompts = write("prompts.txt", "", " ");
    assertThat(run(new GenerateCommand(), "--model", model, "--prompts", prompts)).isOne();
    assertThat(err.toString().strip())
        .isEqualTo(prompts + ": no prompts in it; expected one per line");
  }

  @Test
  void generateRefusesAnUnknownCompileMode() {
    assertThat(run(new GenerateCommand(), "--model", model, "--prompt", "one", "--compile", "yes"))
        .isOne();
    assertThat(err.toString().strip()).isEqualTo("--compile must be auto, on or off, got yes");
  }

  @Test
  void generateNeedsAPrompt() {
    assertThat(run(new GenerateCommand(), "--model", model)).isEqualTo(2);
    assertThat(err.toString()).contains("--prompt").contains("--prompts");
  }

  private int evaluate(Path data, Path output, Object... more) {
    Object[] fixed = {
      "--model",
      model,
      "--task",
      "SVAMP",
      "--data",
      data,
      "--output",
      output,
      "--max-new-tokens",
      4,
      "--batch-size",
      2
    };
    Object[] all = Arrays.copyOf(fixed, fixed.length + more.length);
    System.arraycopy(more, 0, all, fixed.length, more.length);
    return run(new EvaluateCommand(), all);
  }

  private Path items() throws IOException {
    return write(
        "test.jsonl",
        "{\"instruction\": \"one\", \"answer\": 1}",
        "{\"instruction\": \"a longer two\", \"answer\": \"5\"}",
        "{\"instruction\": \"three\", \"answer\": \"3.0\"}");
  }

  @Test
  void evaluatePrintsTheScoreAndWritesPredictionsThatScoreReads() throws IOException {
    Path output = directory.resolve("predictions.jsonl");
    assertThat(evaluate(items(), output)).isZero();
    String score = "SVAMP: accuracy 0.6667 (2 of 3, 95 % interval 0.2077 to 0.9385)";
    assertThat(out.toString().lines().toList())
        .hasSize(2)
        .startsWith(score)
        .last()
        .asString()
        .matches("[0-9.]+ items/s, [0-9]+ tokens/s; predictions in .*predictions.jsonl");
    assertThat(output).content().hasLineCount(3);
    out.getBuffer().setLength(0);
    assertThat(run(new ScoreCommand(), "--task", "SVAMP", "--predictions", output)).isZero();
    assertThat(out.toString().strip()).isEqualTo(score);
  }

  @Test
  void evaluateStopsAtTheLimit() throws IOException {
    assertThat(evaluate(items(), directory.resolve("few.jsonl"), "--limit", 1)).isZero();
    assertThat(out.toString()).contains("accuracy 1.0000 (1 of 1,");
  }

  @Test
  void evaluateReplacesPredictionsOnlyOnRequest() throws IOException {
    Path output = write("predictions.jsonl", "earlier");
    assertThat(evaluate(items(), output)).isOne();
    assertThat(err.toString().strip())
        .isEqualTo(output + ": exists; name another file, or give --overwrite");
    assertThat(output).hasContent("earlier");
    assertThat(evaluate(items(), output, "--overwrite")).isZero();
    assertThat(output).content().hasLineCount(3);
  }

  @Test
  void scoreNamesTheTasksThatItKnows() throws IOException {
    Path predictions = write("predictions.jsonl", "{}");
    assertThat(run(new ScoreCommand(), "--task", "gsm", "--predictions", predictions)).isOne();
    assertThat(err.toString()).contains("unknown task \"gsm\"; known: AddSub").contains("gsm8k");
  }
}
