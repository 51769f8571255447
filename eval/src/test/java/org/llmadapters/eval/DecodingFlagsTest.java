package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The flags of drawing, the repetition penalty and stop strings, on both commands. */
final class DecodingFlagsTest extends EvaluateFixture {
  private int generate(Object... flags) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    List<Object> line = new ArrayList<>(List.of("--model", modelDirectory()));
    line.addAll(List.of(flags));
    return CommandRun.of(new GenerateCommand(), out, err, line.toArray());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--do-sample --temperature 0 | temperature must be between 0.0001 and 10000, got 0.0",
        "--do-sample --top-k -1 | top_k must be >= 0, 0 for all tokens, got -1",
        "--do-sample --top-p 1.5 | top_p must be in (0, 1], 1 for all tokens, got 1.5",
        "--repetition-penalty 0 | repetition_penalty must be between 0.01 and 100, 1 for none, got 0.0",
        "--temperature 0.1 | --temperature, --top-k, --top-p and --seed need --do-sample",
        "--seed 2 --num-beams 4 | --temperature, --top-k, --top-p and --seed need --do-sample",
        "--do-sample --num-beams 4 | --do-sample draws one sequence; leave out --num-beams, or"
            + " --do-sample",
      })
  void refusesWhatIsOutOfRangeOrWithoutEffect(String flags, String problem) {
    List<Object> line = new ArrayList<>(List.of("--prompt", "one"));
    line.addAll(List.of(flags.split(" ", -1)));
    assertThat(generate(line.toArray())).isOne();
    assertThat(err.toString().strip()).isEqualTo(problem);
  }

  @Test
  void refusesAnEmptyStopString() {
    assertThat(generate("--prompt", "one", "--stop", "")).isOne();
    assertThat(err.toString().strip())
        .isEqualTo("a stop string is empty, so every answer would be");
  }

  /** Of nine words the temperature makes all but one impossible. */
  @ParameterizedTest
  @ValueSource(strings = {"off", "on"})
  void generateDraws(String compile) {
    assertThat(
            generate(
                "--prompt",
                "say three",
                "--compile",
                compile,
                "--do-sample",
                "--temperature",
                1e-4,
                "--top-k",
                5,
                "--top-p",
                0.9,
                "--repetition-penalty",
                1.01,
                "--seed",
                7))
        .isZero();
    assertThat(out.toString().strip()).isEqualTo("3");
  }

  @Test
  void generateCutsEveryAnswerBeforeTheStopString() throws IOException {
    Path prompts = write("prompts.txt", "two", "a three");
    assertThat(generate("--prompt", "say three", "--stop", "3", "--stop", "1")).isZero();
    assertThat(out.toString().strip()).isEmpty();
    assertThat(generate("--prompts", prompts, "--stop", "3")).isZero();
    assertThat(out.toString().lines())
        .containsExactly(
            "{\"prompt\":\"two\",\"response\":\"2\",\"tokens\":2}",
            "{\"prompt\":\"a three\",\"response\":\"\",\"tokens\":1}");
    assertThat(generate("--prompts", prompts, "--stop", "3", "--num-beams", 2)).isZero();
    assertThat(out.toString().lines())
        .last()
        .isEqualTo("{\"prompt\":\"a three\",\"response\":\"\",\"tokens\":1}");
  }

  @Test
  void evaluateCutsAnswersAndRecordsHowTheyWereDrawn() throws IOException {
    Object[] line = {
      "--data-dir",
      directory.resolve("data"),
      "--task",
      "AQuA",
      "--do-sample",
      "--temperature",
      1e-4,
      "--stop",
      "3",
      "--seed",
      5
    };
    assertThat(evaluate(line)).isZero();
    assertThat(output.resolve("predictions/base/AQuA.jsonl"))
        .content()
        .contains("\"response\":\"2\"")
        .contains("\"response\":\"\",\"extracted\":null,\"label\":\"B\"");
    for (String name : List.of("settings.json", "results.json")) {
      assertThat(Files.readString(output.resolve(name)))
          .containsSubsequence(
              "\"do_sample\" : true",
              "\"temperature\" : 1.0E-4",
              "\"top_k\" : 50",
              "\"top_p\" : 1.0",
              "\"repetition_penalty\" : 1.0",
              "\"seed\" : 5",
              "\"stop_strings\" : [",
              "\"3\"",
              "]");
    }
    assertFails(
        output.resolve("settings.json")
            + ": 3 settings of the evaluation to go on with differ\n"
            + "  top_k: was 50, is 0 now\n"
            + "  seed: was 5, is 6 now\n"
            + "  stop_strings: was [\"3\"], is [\"3\",\"2\"] now\n"
            + "Evaluate with the same settings, or into another folder",
        "--data-dir",
        directory.resolve("data"),
        "--task",
        "AQuA",
        "--do-sample",
        "--temperature",
        1e-4,
        "--stop",
        "3",
        "--stop",
        "2",
        "--seed",
        6,
        "--top-k",
        0,
        "--resume");
    assertThat(evaluate(Stream.concat(Stream.of(line), Stream.of("--resume")).toArray())).isZero();
  }
}
