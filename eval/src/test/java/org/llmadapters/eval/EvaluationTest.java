package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.report.Speed;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.PredictionsFile;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskItem;

final class EvaluationTest {
  /** Of different lengths, so that they are not generated in this order. */
  private static final List<TaskItem> ITEMS =
      List.of(
          new TaskItem("two", "", "2"),
          new TaskItem("what is the number after two less four times three", "", "9"),
          new TaskItem("say one", "", "1.0"),
          new TaskItem("no number", "", "4"));

  @TempDir private Path directory;

  @Test
  void gradesEveryAnswerInTheOrderOfTheItems() throws IOException {
    Task task = Task.of("math");
    Path output = directory.resolve("made/predictions.jsonl");
    BaseModel base = BaseModel.open(NumberModel.write(directory));
    try (Tokenizer tokenizer = base.requireTokenizer();
        Generator generator = Generator.open(base, Optional.empty(), Compile.OFF)) {
      GeneratingRespondent respondent =
          new GeneratingRespondent(
              generator, tokenizer, PromptTemplate.ALPACA, new GenerationConfig(4, 2));
      Evaluation.Report report = new Evaluation(task, respondent).run(ITEMS, Optional.of(output));
      assertThat(report.score()).isEqualTo(new Score(2, 4));
      assertThat(report.predictions())
          .containsExactly(
              prediction(0, "two", "2", 2, true),
              prediction(1, ITEMS.get(1).instruction(), "2", 2, false),
              prediction(2, "say one", "1", 2, true),
              prediction(3, "no number", "", 4, false));
      assertThat(report.seconds()).isPositive();
      assertThat(report.speed()).contains(new Speed(4, 10, report.seconds()));
      assertThat(PredictionsFile.read(output, task)).isEqualTo(report.predictions());
      assertThat(output.resolveSibling("predictions.jsonl.partial")).doesNotExist();
    }
  }

  private static Prediction prediction(
      int index, String instruction, String response, int tokens, boolean correct) {
    return new Prediction(
        index,
        PromptTemplate.ALPACA.prompt(instruction, ""),
        response,
        response.isEmpty() ? null : response,
        ITEMS.get(index).answer(),
        correct,
        tokens);
  }
}
