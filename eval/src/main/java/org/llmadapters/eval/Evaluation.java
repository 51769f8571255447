package org.llmadapters.eval;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
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
 * @param template makes a prompt of an item
 * @param generation how the model answers
 */
public record Evaluation(Task task, PromptTemplate template, GenerationConfig generation) {

  /**
   * What came of it.
   *
   * @param predictions one for each item, in the order of the items
   * @param earlier how many of them were there before
   * @param tokens generated for the others
   * @param seconds it took to generate the others
   */
  public record Report(List<Prediction> predictions, int earlier, long tokens, double seconds) {
    public Report {
      predictions = List.copyOf(predictions);
    }

    /** Right answers. */
    public Score score() {
      return Score.of(predictions);
    }

    /** Generated items per second. */
    public double itemsPerSecond() {
      return (predictions.size() - earlier) / seconds;
    }

    /** Generated tokens per second. */
    public double tokensPerSecond() {
      return tokens / seconds;
    }
  }

  /**
   * Runs the evaluation.
   *
   * @param output file for the predictions, one JSON object per line; it appears when all are
   *     there, see {@link PredictionsWriter}
   */
  public Report run(
      Generator generator, Tokenizer tokenizer, List<TaskItem> items, Optional<Path> output)
      throws IOException {
    // Opened first: that it cannot be written should not show after an hour of generating.
    try (PredictionsWriter writer =
        output.isPresent() ? new PredictionsWriter(output.get(), List.of()) : null) {
      return run(generator, tokenizer, items, Map.of(), writer);
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
  public Report resume(Generator generator, Tokenizer tokenizer, List<TaskItem> items, Path output)
      throws IOException {
    Map<Integer, Prediction> earlier = new TreeMap<>();
    PredictionsFile.recover(output, task)
        .forEach(prediction -> earlier.put(prediction.index(), prediction));
    requireAnswersTo(items, earlier, output);
    try (PredictionsWriter writer = new PredictionsWriter(output, earlier.values())) {
      return run(generator, tokenizer, items, earlier, writer);
    }
  }

  private void requireAnswersTo(
      List<TaskItem> items, Map<Integer, Prediction> earlier, Path output) {
    Problems problems = new Problems();
    for (Prediction prediction : earlier.values()) {
      int index = prediction.index();
      if (index >= items.size()) {
        problems.add("index %d: the task has %d items", index, items.size());
      } else if (!prediction.prompt().equals(task.prompt(items.get(index), template))) {
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
      Generator generator,
      Tokenizer tokenizer,
      List<TaskItem> items,
      Map<Integer, Prediction> earlier,
      @Nullable PredictionsWriter writer)
      throws IOException {
    List<Integer> open = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < items.size(); i++) {
      if (!earlier.containsKey(i)) {
        open.add(i);
        texts.add(task.prompt(items.get(i), template));
      }
    }
    List<int[]> prompts = texts.stream().map(text -> tokenizer.encode(text, true)).toList();
    Map<Integer, Prediction> predictions = new TreeMap<>(earlier);
    Tokens tokens = new Tokens();
    try (Progress progress = Progress.start("evaluating " + task.name(), prompts.size(), "items")) {
      generator.generate(
          prompts,
          open,
          generation,
          answers -> {
            List<Prediction> graded = new ArrayList<>();
            answers.forEach(
                (number, answer) -> {
                  int index = open.get(number);
                  String text = tokenizer.decode(answer, true);
                  String response = generation.stop().cut(text).strip();
                  String label = items.get(index).answer();
                  graded.add(task.grade(index, texts.get(number), response, label, answer.length));
                });
            graded.forEach(prediction -> predictions.put(prediction.index(), prediction));
            write(writer, graded);
            progress.detail(tokens.add(graded));
            progress.advance(graded.size());
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

  private static void write(@Nullable PredictionsWriter writer, List<Prediction> graded) {
    try {
      if (writer != null) {
        writer.write(graded);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Counts generated tokens over time. */
  private static final class Tokens {
    private final long start = System.nanoTime();
    private long count;

    /** The rate so far, for the progress bar. */
    String add(List<Prediction> graded) {
      count += graded.stream().mapToLong(Prediction::tokens).sum();
      return String.format(Locale.ROOT, "%.0f tokens/s", count / seconds());
    }

    double seconds() {
      return Math.max(1e-9, (System.nanoTime() - start) / 1e9);
    }
  }
}
