package org.llmadapters.training.data;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.llmadapters.training.records.RecordFile;

/** The examples of some files, one file after the other, again and again. */
final class ExamplePasses implements Closeable {
  private final List<RecordFile> files;
  private final ExampleEncoder encoder;
  private final boolean skipBadRecords;
  private final int leftOut;
  private @Nullable ExampleReader reader;
  private int file;
  private long fromFile;
  private long passes;

  /**
   * @param leftOut so many examples at the start of the first file are left out in every pass
   */
  ExamplePasses(
      List<RecordFile> files, ExampleEncoder encoder, boolean skipBadRecords, int leftOut) {
    this.files = List.copyOf(files);
    this.encoder = encoder;
    this.skipBadRecords = skipBadRecords;
    this.leftOut = leftOut;
  }

  /**
   * The next example.
   *
   * @throws org.llmadapters.graph.FormatException if a file has none, or bad records are not
   *     skipped
   * @throws IllegalArgumentException if a file has none but those that are left out
   */
  Example next() throws IOException {
    while (true) {
      ExampleReader open = reader;
      if (open == null) {
        open = ExampleReader.open(files.get(file), encoder, skipBadRecords);
        reader = open;
        fromFile = 0;
      }
      Optional<Example> next = open.next();
      if (next.isEmpty()) {
        endFile(open);
      } else {
        fromFile++;
        if (file > 0 || fromFile > leftOut) {
          return next.get();
        }
      }
    }
  }

  private void endFile(ExampleReader open) throws IOException {
    open.requireExamples(fromFile > 0);
    if (file == 0 && fromFile <= leftOut) {
      throw new IllegalArgumentException(
          "val_set_size must be less than the "
              + fromFile
              + " examples of the first file, got "
              + leftOut);
    }
    closeReader(open);
    file++;
    if (file == files.size()) {
      file = 0;
      passes++;
    }
  }

  private void closeReader(ExampleReader open) throws IOException {
    reader = null;
    if (passes == 0) {
      open.warn();
    }
    open.close();
  }

  /** How often all files were read to their end. */
  long passes() {
    return passes;
  }

  @Override
  public void close() throws IOException {
    ExampleReader open = reader;
    if (open != null) {
      closeReader(open);
    }
  }
}
