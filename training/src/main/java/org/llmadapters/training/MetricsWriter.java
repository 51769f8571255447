package org.llmadapters.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.llmadapters.graph.FormatException;

/**
 * Writes {@code metrics.jsonl}: a line per step, and a line per measurement on the validation set.
 *
 * <pre>
 *   {"step":20,"epoch":0.25,"loss":1.231,"learning_rate":3.0E-4,"grad_norm":0.71,"tokens":512,"tokens_per_second":1840.0}
 *   {"step":20,"epoch":0.25,"eval_loss":1.304}
 * </pre>
 *
 * Values that are no numbers are the texts {@code "NaN"}, {@code "Infinity"} and {@code
 * "-Infinity"}. Each line is in the file when the method that writes it returns. A run that goes on
 * after step n first removes the lines of later steps; so its file ends up as that of a run that
 * never stopped, but for {@code tokens_per_second}.
 */
public final class MetricsWriter implements Closeable {

  private static final JsonMapper JSON = new JsonMapper();

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
    Path kept = file.resolveSibling(file.getFileName() + ".partial");
    try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8);
        BufferedWriter writer = Files.newBufferedWriter(kept, StandardCharsets.UTF_8)) {
      copyUpTo(step, file, reader, writer);
    }
    Files.move(kept, file, StandardCopyOption.REPLACE_EXISTING);
    return new MetricsWriter(
        Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.APPEND));
  }

  private static void copyUpTo(long step, Path file, BufferedReader reader, BufferedWriter writer)
      throws IOException {
    String line = reader.readLine();
    for (int number = 1; line != null; number++) {
      String next = reader.readLine();
      JsonNode lineStep = stepOf(line);
      if (lineStep.isIntegralNumber()) {
        if (lineStep.longValue() <= step) {
          writer.write(line);
          writer.write('\n');
        }
      } else if (next != null) {
        throw new FormatException(
            file, "line %d is no metrics line; expected {\"step\": ...}", number);
      }
      line = next;
    }
  }

  /** The step of {@code line}; a missing node if it is no JSON object. */
  private static JsonNode stepOf(String line) {
    try {
      return JSON.readTree(line).path("step");
    } catch (JsonProcessingException e) {
      return MissingNode.getInstance();
    }
  }

  /** Appends the line of one step. */
  public void write(StepMetrics metrics) throws IOException {
    ObjectNode line = JSON.createObjectNode();
    line.put("step", metrics.step());
    line.put("epoch", metrics.epoch());
    line.put("loss", metrics.loss());
    line.put("learning_rate", metrics.learningRate());
    line.put("grad_norm", metrics.gradNorm());
    line.put("tokens", metrics.tokens());
    line.put("tokens_per_second", metrics.tokensPerSecond());
    append(line);
  }

  /**
   * Appends the loss on the validation set.
   *
   * @param step from 1: the last one done
   * @param epoch epochs done, with its fraction
   * @param evalLoss mean over the tokens to predict, in nats
   */
  public void writeEvalLoss(long step, double epoch, double evalLoss) throws IOException {
    ObjectNode line = JSON.createObjectNode();
    line.put("step", step);
    line.put("epoch", epoch);
    line.put("eval_loss", evalLoss);
    append(line);
  }

  private void append(ObjectNode line) throws IOException {
    writer.write(JSON.writeValueAsString(line));
    writer.write('\n');
    writer.flush();
  }

  @Override
  public void close() throws IOException {
    writer.close();
  }
}
