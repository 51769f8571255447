package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.PredictionsFile;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters score}. */
@Command(
    name = "score",
    description = "Scores a file of predictions again, also LLM-Adapters' own result files.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters score --task gsm8k --predictions predictions.jsonl",
      "  llm-adapters score --task SVAMP --predictions experiment/LLaMA-7B-LoRA-SVAMP.json"
    })
public final class ScoreCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--task",
      paramLabel = "NAME",
      required = true,
      completionCandidates = TaskNames.class,
      description = "${COMPLETION-CANDIDATES}.")
  private String task = "";

  @Option(
      names = "--predictions",
      paramLabel = "FILE",
      required = true,
      description = "What evaluate wrote, or a JSON list with output_pred.")
  private Path predictions = Path.of("");

  @Override
  public Integer call() throws IOException {
    Task asked = Task.of(task);
    List<Prediction> graded = PredictionsFile.read(predictions, asked);
    lines(asked, graded).forEach(Objects.requireNonNull(spec).commandLine().getOut()::println);
    return 0;
  }

  /**
   * The score by the task's published rule and, where there is one, by its corrected rule, or by
   * likelihoods divided by lengths.
   */
  static List<String> lines(Task task, List<Prediction> predictions) {
    List<String> lines = new ArrayList<>(List.of(line(task.name(), Score.of(predictions))));
    task.correctedScore(predictions)
        .ifPresent(score -> lines.add(line(task.name() + ", corrected rule", score)));
    Score.ofNormalized(predictions)
        .ifPresent(score -> lines.add(line(task.name() + ", length-normalized", score)));
    return lines;
  }

  /** A score for people. */
  static String line(String name, Score score) {
    return String.format(
        Locale.ROOT,
        "%s: accuracy %.4f (%d of %d, 95 %% interval %.4f to %.4f)",
        name,
        score.accuracy(),
        score.correct(),
        score.total(),
        score.interval().low(),
        score.interval().high());
  }
}
