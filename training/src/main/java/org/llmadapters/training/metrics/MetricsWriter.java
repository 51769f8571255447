package org.llmadapters.training.metrics;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.llmadapters.conversion.files.AtomicFile;
import org.llmadapters.graph.FormatException;

/**
 * Writes {@code metrics.jsonl}: a line per step, and a line per measurement on the validation data.
 *
 * <pre>
 *   {"step":20,"epoch":0.25,"loss":1.231,"learning_rate":3.0E-4,"grad_norm":0.71,"tokens":512,
 *    "tokens_per_second":1840.0,"data_fraction":0.002,"rss_mib":812}
 *   {"step":20,"epoch":0.25,"eval_loss":1.304,"eval_perplexity":3.684}
 * </pre>
 *
 * (without the break; after {@code tokens} comes {@code loss_scale} where there is one). Values
 * that are no numbers are the texts {@code "NaN"}, {@code "Infinity"} and {@code "-Infinity"}. Each
 * line is in the file when the method that writes it returns. A run that goes on after step n first
 * removes the lines of later steps; so its file ends up as that of a run that never stopped, but
 * for the last three values of a step, which are measured.
 */
public final class MetricsWriter implements Closeable {
  /** Name of the file in a run's folder. */
  public static final String NAME = "metrics.jsonl";

  private final BufferedWriter writer;

  private MetricsWriter(BufferedWriter writer) {
    this.writer = writer;
  }

  /** Starts {@code file} anew. */
  public static MetricsWriter create(Path file) throws IOException {
    return new MetricsWriter(Files.newBufferedWriter(file, StandardCharsets.UTF_8));
  }

  /**
   * Goes on in {@code file} after {@code step}: lines of later steps are removed, as is a last line
   * that was cut off. Without a file, a new one is started. For the lines to be whole, all of a
   * step are written before the state that a run goes on from is saved.
   *
   * @throws FormatException if another line is not one of this format
   */
  public static MetricsWriter resume(Path file, long step) throws IOException {
    if (!Files.exists(file)) {
      return create(file);
    }
    try (AtomicFile kept = AtomicFile.create(file)) {
      try (BufferedWriter writer = Files.newBufferedWriter(kept.path(), StandardCharsets.UTF_8)) {
        MetricsLines.forEach(
            file,
            (line, json) -> {
              if (json.path("step").longValue() <= step) {
                writer.write(line);
                writer.write('\n');
              }
            });
      }
      kept.commit();
    }
    return new MetricsWriter(
        Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.APPEND));
  }

  /** Appends the line of one step. */
  public void write(StepMetrics metrics) throws IOException {
    ObjectNode line = line(metrics.step(), metrics.epoch());
    line.put("loss", metrics.loss());
    line.put("learning_rate", metrics.learningRate());
    line.put("grad_norm", metrics.gradNorm());
    line.put("tokens", metrics.tokens());
    metrics.lossScale().ifPresent(scale -> line.put("loss_scale", scale));
    line.put("tokens_per_second", metrics.cost().tokensPerSecond());
    line.put("data_fraction", metrics.cost().dataFraction());
    metrics.cost().rssMebibytes().ifPresent(mebibytes -> line.put("rss_mib", mebibytes));
    append(line);
  }

  /** Appends the line of one evaluation. */
  public void write(EvalMetrics metrics) throws IOException {
    ObjectNode line = line(metrics.step(), metrics.epoch());
    line.put("eval_loss", metrics.evalLoss());
    line.put("eval_perplexity", metrics.perplexity());
    append(line);
  }

  private static ObjectNode line(long step, double epoch) {
    ObjectNode line = MetricsLines.JSON.createObjectNode();
    line.put("step", step);
    line.put("epoch", epoch);
    return line;
  }

  private void append(ObjectNode line) throws IOException {
    writer.write(MetricsLines.JSON.writeValueAsString(line));
    writer.write('\n');
    writer.flush();
  }

  @Override
  public void close() throws IOException {
    writer.close();
  }
}
