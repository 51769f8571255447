package org.llmadapters.training.records;

import java.io.Closeable;
import java.io.IOException;
import java.util.Optional;

/** The records of a file, one after the other; little more than one of them is in memory. */
public interface RecordReader extends Closeable {

  /**
   * The next record, be it good or bad; nothing at the end.
   *
   * @throws org.llmadapters.graph.FormatException if what follows cannot be read at all
   * @throws IOException if reading fails
   */
  Optional<ReadRecord> next() throws IOException;
}
