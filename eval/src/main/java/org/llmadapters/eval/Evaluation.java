package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.task.Prediction;
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
   * @param score right answers
   * @param predictions one for each item, in the order of the items
   * @param seconds it took to generate all of them
   */
  public record Report(Score score, List<Prediction> predictions, double seconds) {
    public Report {
      predictions = List.copyOf(predictions);
    }

    /** Items per second. */
    public double itemsPerSecond() {
      return predictions.size() / seconds;
    }

    /** Generated tokens per second. */
    public double tokensPerSecond() {
      return predictions.stream().mapToLong(Prediction::tokens).sum() / seconds;
    }
  }

  /**
   * Runs the evaluation.
   *
   * @param output file for the predictions, one JSON object per line; it appears when all are there
   */
  public Report run(
      Generator generator, Tokenizer tokenizer, List<TaskItem> items, Optional<Path> output)
      throws IOException {
    // Opened first: that it cannot be written should not show after an hour of generating.
    try (PredictionsWriter writer =
        output.isPresent() ? new PredictionsWriter(output.get()) : null) {
      Report report = generateAndGrade(generator, tokenizer, items);
      if (writer != null) {
        for (Prediction prediction : report.predictions()) {
          writer.write(prediction);
        }
        writer.finish();
      }
      return report;
    }
  }

  private Report generateAndGrade(Generator generator, Tokenizer tokenizer, List<TaskItem> items) {
    List<String> texts = items.stream().map(item -> task.prompt(item, template)).toList();
    List<int[]> prompts = texts.stream().map(text -> tokenizer.encode(text, true)).toList();
    long start = System.nanoTime();
    List<int[]> answers;
    try (Progress progress = Progress.start("evaluating " + task.name(), items.size(), "items")) {
      answers =
          generator.generate(prompts, generation, (finished, tokens) -> progress.advance(finished));
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    List<Prediction> predictions = new ArrayList<>();
    for (int i = 0; i < items.size(); i++) {
      String response = tokenizer.decode(answers.get(i), true).strip();
      predictions.add(
          task.grade(i, texts.get(i), response, items.get(i).answer(), answers.get(i).length));
    }
    return new Report(Score.of(predictions), predictions, seconds);
  }
}
