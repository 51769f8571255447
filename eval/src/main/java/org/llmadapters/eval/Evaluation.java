package org.llmadapters.eval;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.eval.report.Speed;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.PredictionsFile;
import org.llmadapters.eval.task.PredictionsWriter;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskItem;

/**
 * Asks a model every item of a task and grades the answers.
 *
 * @param task what is asked
 * @param respondent who is asked
 */
public record Evaluation(Task task, Respondent respondent) {

  /**
   * What came of it.
   *
   * @param predictions one for each item, in the order of the items
   * @param earlier how many of them were there before
   * @param tokens of the others, see {@link Prediction#tokens}
   * @param seconds it took to answer the others
   */
  public record Report(List<Prediction> predictions, int earlier, long tokens, double seconds) {
    public Report {
      predictions = List.copyOf(predictions);
    }

    /** Right answers. */
    public Score score() {
      return Score.of(predictions);
    }

    /** How fast the others were answered; empty if there were none. */
    public Optional<Speed> speed() {
      int answered = predictions.size() - earlier;
      return answered == 0 ? Optional.empty() : Optional.of(new Speed(answered, tokens, seconds));
    }
  }

  /**
   * Runs the evaluation.
   *
   * @param output file for the predictions, one JSON object per line; it appears when all are
   *     there, see {@link PredictionsWriter}
   */
  public Report run(List<TaskItem> items, Optional<Path> output) throws IOException {
    // Opened first: that it cannot be written should not show after an hour of generating.
    try (PredictionsWriter writer =
        output.isPresent() ? new PredictionsWriter(output.get(), List.of()) : null) {
      return run(items, Map.of(), writer);
    }
  }

  /**
   * Goes on with an evaluation that was cut off, or starts it. The answers that are there are
   * judged again, not generated again.
   *
   * @param output file for the predictions; those of it and of its partial file are kept
   * @throws org.llmadapters.graph.FormatException if they are not answers to {@code items}; lists
   *     those that are not
   */
  public Report resume(List<TaskItem> items, Path output) throws IOException {
    Map<Integer, Prediction> earlier = new TreeMap<>();
    PredictionsFile.recover(output, task)
        .forEach(prediction -> earlier.put(prediction.index(), prediction));
    requireAnswersTo(items, earlier, output);
    try (PredictionsWriter writer = new PredictionsWriter(output, earlier.values())) {
      return run(items, earlier, writer);
    }
  }

  private void requireAnswersTo(
      List<TaskItem> items, Map<Integer, Prediction> earlier, Path output) {
    Problems problems = new Problems();
    for (Prediction prediction : earlier.values()) {
      int index = prediction.index();
      if (index >= items.size()) {
        problems.add("index %d: the task has %d items", index, items.size());
      } else if (!prediction.prompt().equals(respondent.prompt(task, items.get(index)))) {
        problems.add("index %d: another prompt than the item's", index);
      } else if (!prediction.label().equals(items.get(index).answer())) {
        problems.add(
            "index %d: label %s, the item's is %s",
            index, prediction.label(), items.get(index).answer());
      }
    }
    problems.throwIfAny(
        output,
        problems.counted("prediction") + " cannot be gone on with",
        "Evaluate with the template and the task's file of before, or into another folder");
  }

  private Report run(
      List<TaskItem> items, Map<Integer, Prediction> earlier, @Nullable PredictionsWriter writer)
      throws IOException {
    Map<Integer, TaskItem> open = new LinkedHashMap<>();
    for (int i = 0; i < items.size(); i++) {
      if (!earlier.containsKey(i)) {
        open.put(i, items.get(i));
      }
    }
    Map<Integer, Prediction> predictions = new TreeMap<>(earlier);
    Tokens tokens = new Tokens();
    try (Progress progress = Progress.start("evaluating " + task.name(), open.size(), "items")) {
      respondent.answer(
          task,
          open,
          answered -> {
            answered.forEach(prediction -> predictions.put(prediction.index(), prediction));
            write(writer, answered);
            progress.detail(tokens.add(answered));
            progress.advance(answered.size());
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    if (writer != null) {
      writer.finish();
    }
    return new Report(
        List.copyOf(predictions.values()), earlier.size(), tokens.count, tokens.seconds());
  }

  private static void write(@Nullable PredictionsWriter writer, List<Prediction> answered) {
    try {
      if (writer != null) {
        writer.write(answered);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Counts tokens over time. */
  private static final class Tokens {
    private final long start = System.nanoTime();
    private long count;

    /** The rate so far, for the progress bar. */
    String add(List<Prediction> answered) {
      count += answered.stream().mapToLong(Prediction::tokens).sum();
      return String.format(Locale.ROOT, "%.0f tokens/s", count / seconds());
    }

    double seconds() {
      return Math.max(1e-9, (System.nanoTime() - start) / 1e9);
    }
  }
}
