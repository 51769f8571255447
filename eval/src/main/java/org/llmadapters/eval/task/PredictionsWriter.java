package org.llmadapters.eval.task;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.llmadapters.conversion.files.AtomicFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the format of {@link PredictionsFile} while a model answers: into {@code FILE.partial},
 * record by record as the answers come. {@link #finish} puts all of them into {@code FILE}, in the
 * order of the items. A run that was cut off leaves the partial file, which can be scored or gone
 * on with; if it was interrupted by a signal, it ends with a whole record.
 */
public final class PredictionsWriter implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(PredictionsWriter.class);
  private static final JsonMapper JSON = new JsonMapper();

  private final Path file;
  private final Path partial;
  private final FileChannel channel;
  private final Thread closing = new Thread(this::closeAtExit, "close predictions");
  private final Map<Integer, Prediction> predictions = new TreeMap<>();

  /**
   * Starts {@code FILE.partial} anew; the folder is made if it is missing.
   *
   * @param earlier predictions that are there already and go into the file as well
   * @throws IOException if it cannot be written
   */
  public PredictionsWriter(Path file, Collection<Prediction> earlier) throws IOException {
    this.file = file.toAbsolutePath();
    this.partial = PredictionsFile.partial(this.file);
    try {
      Files.createDirectories(Objects.requireNonNull(this.file.getParent()));
      // What is there already must not be lost if this is interrupted.
      try (AtomicFile start = AtomicFile.create(partial)) {
        Files.writeString(start.path(), lines(earlier));
        start.commit();
      }
      this.channel = FileChannel.open(partial, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new IOException(
          file
              + ": cannot be written; its folder is no folder that can be written to ("
              + e.getMessage()
              + ")",
          e);
    }
    earlier.forEach(prediction -> predictions.put(prediction.index(), prediction));
    Runtime.getRuntime().addShutdownHook(closing);
  }

  private static String lines(Collection<Prediction> predictions) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (Prediction prediction : predictions) {
      lines.append(JSON.writeValueAsString(json(prediction))).append('\n');
    }
    return lines.toString();
  }

  private static ObjectNode json(Prediction prediction) {
    ObjectNode json = JSON.valueToTree(prediction);
    json.remove("choices");
    List<ScoredChoice> choices = prediction.choices();
    if (!choices.isEmpty()) {
      json.put("correct_normalized", prediction.correctNormalized());
      json.set("answers", JSON.valueToTree(choices.stream().map(ScoredChoice::answer).toList()));
      json.set("choices", JSON.valueToTree(choices.stream().map(ScoredChoice::text).toList()));
      json.set(
          "log_likelihoods",
          JSON.valueToTree(choices.stream().map(ScoredChoice::logLikelihood).toList()));
    }
    return json;
  }

  /** Appends whole records, at once; none once the program has been told to end. */
  public synchronized void write(Collection<Prediction> answered) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(lines(answered).getBytes(StandardCharsets.UTF_8));
    while (channel.isOpen() && bytes.hasRemaining()) {
      channel.write(bytes);
    }
    answered.forEach(prediction -> predictions.put(prediction.index(), prediction));
  }

  /**
   * Writes the file under its own name and deletes the partial one. Nothing can be written
   * afterwards.
   */
  public synchronized void finish() throws IOException {
    channel.close();
    try (AtomicFile whole = AtomicFile.create(file)) {
      Files.writeString(whole.path(), lines(predictions.values()));
      whole.commit();
    }
    Files.delete(partial);
  }

  /** Closes the partial file, where it stays unless {@link #finish} replaced it. */
  @Override
  public synchronized void close() throws IOException {
    channel.close();
    try {
      Runtime.getRuntime().removeShutdownHook(closing);
    } catch (IllegalStateException e) {
      LOG.debug("the program is ending: {}", e.getMessage());
    }
  }

  /** After a signal, no record is begun, and one that was begun is ended. */
  private synchronized void closeAtExit() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.warn("could not close {}: {}", partial, e.toString());
    }
  }
}
