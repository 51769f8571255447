package org.llmadapters.eval.task;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;

/**
 * Writes the format of {@link PredictionsFile} while a model answers: into {@code FILE.partial},
 * line by line, which {@link #finish} moves to {@code FILE}. A run that was cut off leaves the
 * partial file, which can be scored as well.
 */
public final class PredictionsWriter implements Closeable {

  private static final JsonMapper JSON = new JsonMapper();

  private final Path file;
  private final Path partial;
  private final BufferedWriter writer;

  /**
   * Starts {@code FILE.partial} anew; the folder is made if it is missing.
   *
   * @throws IOException if it cannot be written
   */
  public PredictionsWriter(Path file) throws IOException {
    this.file = file.toAbsolutePath();
    this.partial = this.file.resolveSibling(this.file.getFileName() + ".partial");
    try {
      Files.createDirectories(Objects.requireNonNull(this.file.getParent()));
      this.writer = Files.newBufferedWriter(partial, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IOException(
          file
              + ": cannot be written; its folder is no folder that can be written to ("
              + e.getMessage()
              + ")",
          e);
    }
  }

  /** Appends one line, at once. */
  public void write(Prediction prediction) throws IOException {
    writer.write(JSON.writeValueAsString(prediction));
    writer.write('\n');
    writer.flush();
  }

  /** Moves what was written to the file's own name. Nothing can be written afterwards. */
  public void finish() throws IOException {
    writer.close();
    Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Closes the partial file, where it stays unless {@link #finish} moved it. */
  @Override
  public void close() throws IOException {
    writer.close();
  }
}
