package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

final class PredictionsFileTest {

  private static final Task MATH = Task.of("math");
  private static final Prediction RIGHT = MATH.grade(0, "2 + 3?\n", "\"5\", \u00fc", "5.0", 9);
  private static final Prediction UNANSWERED = MATH.grade(1, "2 + 4?\n", "six", "6.0", 3);

  @TempDir Path folder;

  @Test
  void readsWhatWasWritten() throws IOException {
    Path file = folder.resolve("results/predictions.jsonl");
    try (PredictionsWriter writer = new PredictionsWriter(file, List.of())) {
      writer.write(List.of(RIGHT));
      writer.write(List.of(UNANSWERED));
      writer.finish();
    }

    assertThat(PredictionsFile.read(file, MATH)).containsExactly(RIGHT, UNANSWERED);
    assertThat(Files.readAllLines(file))
        .containsExactly(
            "{\"index\":0,\"prompt\":\"2 + 3?\\n\",\"response\":\"\\\"5\\\", \u00fc\","
                + "\"extracted\":\"5\",\"label\":\"5.0\",\"correct\":true,\"tokens\":9}",
            "{\"index\":1,\"prompt\":\"2 + 4?\\n\",\"response\":\"six\","
                + "\"extracted\":null,\"label\":\"6.0\",\"correct\":false,\"tokens\":3}");
    assertThat(folder.resolve("results")).isDirectoryContaining("glob:**predictions.jsonl");
    assertThat(folder.resolve("results/predictions.jsonl.partial")).doesNotExist();
  }

  @Test
  void leavesThePartialFileOfARunThatWasCutOff() throws IOException {
    Path file = Files.writeString(folder.resolve("predictions.jsonl"), "before");
    try (PredictionsWriter writer = new PredictionsWriter(file, List.of())) {
      writer.write(List.of(RIGHT));

      assertThat(PredictionsFile.read(folder.resolve("predictions.jsonl.partial"), MATH))
          .containsExactly(RIGHT);
    }

    assertThat(file).hasContent("before");
    assertThat(folder.resolve("predictions.jsonl.partial")).exists();
  }

  @Test
  void writesInTheOrderOfTheItemsWhateverTheOrderOfTheAnswers() throws IOException {
    Path file = folder.resolve("predictions.jsonl");
    try (PredictionsWriter writer = new PredictionsWriter(file, List.of())) {
      writer.write(List.of(UNANSWERED));
      writer.write(List.of(RIGHT));
      assertThat(PredictionsFile.read(PredictionsFile.partial(file), MATH))
          .containsExactly(UNANSWERED, RIGHT);
      writer.finish();
    }
    assertThat(PredictionsFile.read(file, MATH)).containsExactly(RIGHT, UNANSWERED);
  }

  @Test
  void recoversWholeLinesOfBothFiles() throws IOException {
    Path file = folder.resolve("predictions.jsonl");
    assertThat(PredictionsFile.recover(file, MATH)).isEmpty();
    Files.writeString(file, "{\"index\": 2, \"response\": \"7\", \"label\": \"7\"}\n{\"index");
    Prediction third = MATH.grade(2, "", "7", "7", 0);
    assertThat(PredictionsFile.recover(file, MATH)).containsExactly(third);
    try (PredictionsWriter writer = new PredictionsWriter(file, List.of(third))) {
      writer.write(List.of(RIGHT));
    }
    Path partial = PredictionsFile.partial(file);
    Files.writeString(partial, Files.readString(partial) + "{\"index\": 9, \"resp\n".strip());
    assertThat(PredictionsFile.recover(file, MATH)).containsExactly(RIGHT, third);
    assertThat(partial).content().endsWith("\"tokens\":9}\n");
  }

  @Test
  void recoversNothingOfAFirstLineThatWasCut() throws IOException {
    Path file = Files.writeString(folder.resolve("predictions.jsonl"), "{\"index\": 2");
    assertThat(PredictionsFile.recover(file, MATH)).isEmpty();
  }

  /** A signal closes it too. */
  @Test
  void writesNothingMoreOnceItIsClosed() throws IOException {
    Path file = folder.resolve("predictions.jsonl");
    PredictionsWriter writer = new PredictionsWriter(file, List.of());
    try (writer) {
      writer.write(List.of(RIGHT));
    }
    writer.write(List.of(UNANSWERED));
    assertThat(PredictionsFile.recover(file, MATH)).containsExactly(RIGHT);
  }

  @Test
  void readsTheResultsOfLlmAdapters() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("LLaMA-7B-LoRA-SVAMP.json"),
            """
            [
                {
                    "instruction": "2 + 3?",
                    "input": "",
                    "output": "5",
                    "answer": "5.0",
                    "output_pred": "It is 5.</s>",
                    "pred": 5.0,
                    "flag": true
                },
                {
                    "instruction": "2 + 4?",
                    "answer": 6.0,
                    "output_pred": "",
                    "pred": Infinity,
                    "flag": false
                }
            ]
            """);

    assertThat(PredictionsFile.read(file, MATH))
        .containsExactly(
            new Prediction(0, "", "It is 5.</s>", "5.", "5.0", true, 0),
            new Prediction(1, "", "", null, "6.0", false, 0));
  }

  @Test
  void judgesAnewWhateverTheFileSays() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("predictions.jsonl"),
            "{\"response\": \"5 or 6\", \"extracted\": \"5\", \"label\": \"5\","
                + " \"correct\": true}");

    assertThat(PredictionsFile.read(file, MATH))
        .isEqualTo(List.of(new Prediction(0, "", "5 or 6", "6", "5", false, 0)));
  }

  @Test
  void scoredChoicesComeBackAsTheyWere() throws IOException {
    Task boolq = Task.of("boolq");
    List<Prediction> predictions =
        List.of(
            boolq.grade(0, "Is it?", scored(-1.5, -1.25), "false", 17),
            boolq.grade(1, "Was it?", scored(-0.1, -3e-300), "true", 18));
    Path file = folder.resolve("boolq.jsonl");
    try (PredictionsWriter writer = new PredictionsWriter(file, List.of())) {
      writer.write(predictions);
      writer.finish();
    }
    assertThat(PredictionsFile.read(file, boolq)).isEqualTo(predictions);
  }

  private static List<ScoredChoice> scored(double yes, double no) {
    return List.of(
        new ScoredChoice("true", "the correct answer is true", yes),
        new ScoredChoice("false", "the correct answer is false", no));
  }

  @Test
  void scoredChoicesMustBeWhole() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("boolq.jsonl"),
            """
            {"label": "true", "answers": ["true"], "choices": ["a", "b"], "log_likelihoods": [-1]}
            {"label": "true", "answers": ["true"], "choices": [1], "log_likelihoods": ["-1"]}
            {"label": "true", "log_likelihoods": []}
            """);
    assertThatThrownBy(() -> PredictionsFile.read(file, Task.of("boolq")))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 4 problems\n"
                + "  line 1: has 1 answers, 2 choices and 1 log_likelihoods, expected equally many,"
                + " at least 1\n"
                + "  line 2: \"choices\" must be a list of texts, got [1]\n"
                + "  line 2: \"log_likelihoods\" must be a list of numbers, got [\"-1\"]\n"
                + "  line 3: has 0 answers, 0 choices and 0 log_likelihoods, expected equally many,"
                + " at least 1\n"
                + "Expected records {\"response\": ..., \"label\": ...} or {\"output_pred\": ...,"
                + " \"answer\": ...}");
  }

  @Test
  void listsTheBadLines() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("predictions.jsonl"),
            """
            {"index": 0, "response": "5", "label": "5"}
            {"index": 0, "response": "5", "label": "5"}
            {"index": -1, "response": "5", "label": "5"}
            {"response": "5"}
            {"label": "five", "response": "5"}
            {"label": "5", "tokens": 1.5}
            {"index": 6, "resp
            """);

    assertThatThrownBy(() -> PredictionsFile.read(file, MATH))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 7 problems\n"
                + "  line 2: index 0 came before, expected one prediction per item\n"
                + "  line 3: \"index\" must be a whole number >= 0, got -1\n"
                + "  line 4: \"answer\" is missing\n"
                + "  line 5: \"label\" must be a number such as 576 or 576.0, got \"five\"\n"
                + "  line 6: \"response\" is missing\n"
                + "  line 6: \"tokens\" must be a whole number >= 0, got 1.5\n"
                + "  line 7: not valid JSON at column 19: Unexpected end-of-input in field"
                + " name\n"
                + "Expected records {\"response\": ..., \"label\": ...} or {\"output_pred\": ...,"
                + " \"answer\": ...}");
  }
}
