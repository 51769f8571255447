package org.llmadapters.training;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.training.metrics.EvalMetrics;
import org.llmadapters.training.metrics.EventFile;
import org.llmadapters.training.metrics.MetricsWriter;
import org.llmadapters.training.metrics.StepMetrics;

/**
 * Tells how training goes, in three places: {@code metrics.jsonl}, the files for TensorBoard, and
 * the progress bar.
 */
final class TrainingLog implements Closeable {
  private final MetricsWriter metrics;
  private final EventFile events;
  private final Progress progress;
  private @Nullable StepMetrics last;
  private String evaluation = "";

  private TrainingLog(MetricsWriter metrics, EventFile events, Progress progress) {
    this.metrics = metrics;
    this.events = events;
    this.progress = progress;
  }

  /**
   * Goes on in {@code folder} after {@code start} steps, forgetting later ones; after 0 steps, all
   * is forgotten.
   */
  static TrainingLog open(Path folder, long start, long totalSteps) throws IOException {
    Path file = folder.resolve(MetricsWriter.NAME);
    MetricsWriter metrics =
        start > 0 ? MetricsWriter.resume(file, start) : MetricsWriter.create(file);
    try {
      EventFile events = EventFile.start(folder.resolve(EventFile.FOLDER), start + 1);
      return new TrainingLog(
          metrics, events, Progress.start("training", start, totalSteps, "steps"));
    } catch (IOException e) {
      metrics.close();
      throw e;
    }
  }

  /** A step is done. */
  void write(StepMetrics step) throws IOException {
    metrics.write(step);
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("train/loss", step.loss());
    values.put("train/learning_rate", step.learningRate());
    values.put("train/grad_norm", step.gradNorm());
    step.lossScale().ifPresent(scale -> values.put("train/loss_scale", scale));
    values.put("train/epoch", step.epoch());
    values.put("train/tokens_per_second", step.cost().tokensPerSecond());
    values.put("train/data_fraction", step.cost().dataFraction());
    step.cost()
        .rssMebibytes()
        .ifPresent(mebibytes -> values.put("train/rss_mib", (double) mebibytes));
    events.write(step.step(), values);
    last = step;
    showLast();
    progress.advance(1);
  }

  /** An evaluation is done. */
  void write(EvalMetrics eval) throws IOException {
    metrics.write(eval);
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("eval/loss", eval.evalLoss());
    values.put("eval/perplexity", eval.perplexity());
    events.write(eval.step(), values);
    evaluation = String.format(Locale.ROOT, " eval_loss=%.4f", eval.evalLoss());
    showLast();
    progress.note(
        String.format(
            Locale.ROOT,
            "step=%d eval_loss=%.4f eval_perplexity=%.4g",
            eval.step(),
            eval.evalLoss(),
            eval.perplexity()));
  }

  private void showLast() {
    StepMetrics step = last;
    if (step != null) {
      progress.detail(
          String.format(
              Locale.ROOT,
              "loss=%.4f%s learning_rate=%.2e tokens_per_second=%.0f",
              step.loss(),
              evaluation,
              step.learningRate(),
              step.cost().tokensPerSecond()));
    }
  }

  @Override
  public void close() throws IOException {
    try (metrics;
        events) {
      progress.close();
    }
  }
}
