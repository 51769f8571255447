package org.llmadapters.eval.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;

/** Intervals: Wilson's formula, worked out apart from the program. */
final class ResultsTableTest {
  private static final Results RESULTS =
      new Results(
          List.of(
              result("base", "AQuA", new Score(100, 254), Optional.of(new Score(90, 254)), 203),
              result("base", "SVAMP", new Score(1, 4), Optional.empty(), 0),
              result("<lora>", "AQuA", new Score(0, 2), Optional.of(new Score(1, 2)), 0),
              new TaskResult(
                  "<lora>",
                  "SVAMP",
                  new Score(3, 4),
                  Map.of(),
                  new Work(9, 0, Optional.empty()),
                  OptionalInt.empty())));

  private static TaskResult result(
      String adapter, String task, Score score, Optional<Score> corrected, int inTrainingData) {
    return new TaskResult(
        adapter,
        task,
        score,
        corrected.map(other -> Map.of(Variant.CORRECTED_RULE, other)).orElse(Map.of()),
        new Work(7, 0, Optional.empty()),
        OptionalInt.of(inTrainingData));
  }

  @Test
  void alignsColumnsAndAveragesThePublishedRules() {
    // (100/254 + 1/4) / 2 and (0 + 3/4) / 2
    assertThat(ResultsTable.of(RESULTS).text())
        .containsExactly(
            "task                  base              <lora>",
            "AQuA                  39.4 (33.6-45.5)  0.0 (0.0-65.8)",
            "AQuA, corrected rule  35.4 (29.8-41.5)  50.0 (9.5-90.5)",
            "SVAMP                 25.0 (4.6-69.9)   75.0 (30.1-95.4)",
            "average               32.2              37.5",
            "Percent of right answers, with the Wilson 95 % interval.",
            "203 of 254 items of AQuA occur in the training data of base: its accuracy there says"
                + " little.");
  }

  @Test
  void aSingleTaskHasNoAverage() {
    Results one = new Results(RESULTS.all().subList(1, 2));
    assertThat(ResultsTable.of(one).text())
        .containsExactly(
            "task   base",
            "SVAMP  25.0 (4.6-69.9)",
            "Percent of right answers, with the Wilson 95 % interval.");
  }

  @Test
  void isAMarkdownTable() {
    Results one = new Results(List.of(RESULTS.all().get(1), RESULTS.all().get(3)));
    assertThat(ResultsTable.of(one).markdown())
        .isEqualTo(
            """
            | task | base | <lora> |
            | --- | ---: | ---: |
            | SVAMP | 25.0 (4.6-69.9) | 75.0 (30.1-95.4) |

            Percent of right answers, with the Wilson 95 % interval.
            """);
  }

  @Test
  void isAnHtmlPageThatNeedsNoOtherFile() {
    String page = ResultsTable.of(RESULTS).html();
    assertThat(page)
        .startsWith("<!DOCTYPE html>")
        .endsWith("</html>\n")
        .contains(
            "<table>\n<tr><th>task</th><th>base</th><th>&lt;lora&gt;</th></tr>\n",
            "<tr><td>SVAMP</td><td>25.0 (4.6-69.9)</td><td>75.0 (30.1-95.4)</td></tr>\n",
            "<p>203 of 254 items of AQuA occur")
        .doesNotContain("<lora>", "{table}", "{notes}", "http", "src=", "href=");
  }

  @Test
  void isJson() {
    assertThat(new Results(RESULTS.all().subList(1, 3)).toJson().toString())
        .isEqualTo(
            "{\"results\":["
                + "{\"adapter\":\"base\",\"task\":\"SVAMP\",\"correct\":1,\"total\":4,"
                + "\"accuracy\":0.25,\"low\":0.045587,\"high\":0.699358,"
                + "\"tokens\":7,\"in_training_data\":0},"
                + "{\"adapter\":\"<lora>\",\"task\":\"AQuA\",\"correct\":0,\"total\":2,"
                + "\"accuracy\":0.0,\"low\":0.0,\"high\":0.65762,"
                + "\"corrected_rule\":{\"correct\":1,\"total\":2,\"accuracy\":0.5,"
                + "\"low\":0.094531,\"high\":0.905469},"
                + "\"tokens\":7,\"in_training_data\":0}],"
                + "\"averages\":[{\"adapter\":\"base\",\"accuracy\":0.25},"
                + "{\"adapter\":\"<lora>\",\"accuracy\":0.0}]}");
  }

  @Test
  void aTaskWithTwoRulesIsScoredByBoth() {
    Task aqua = Task.of("AQuA");
    List<Prediction> predictions =
        List.of(
            aqua.grade(0, "", "Cross-multiply. It is B", "B", 5),
            aqua.grade(1, "", "C", "C", 2),
            aqua.grade(2, "", "A, no, D", "A", 4));
    Optional<Speed> speed = Optional.of(new Speed(3, 11, 0.5));
    assertThat(TaskResult.of("base", aqua, predictions, OptionalInt.of(2), 1, speed))
        .isEqualTo(
            new TaskResult(
                "base",
                "AQuA",
                new Score(2, 3),
                Map.of(Variant.CORRECTED_RULE, new Score(2, 3)),
                new Work(11, 1, speed),
                OptionalInt.of(2)));
  }
}
