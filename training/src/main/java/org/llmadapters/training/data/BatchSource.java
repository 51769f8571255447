package org.llmadapters.training.data;

import java.io.Closeable;
import java.io.IOException;

/**
 * An endless sequence of micro batches, numbered from 0 through all epochs. Number and settings
 * alone decide what a micro batch holds, so a run that stopped goes on with the number it had
 * reached.
 */
public interface BatchSource extends Closeable {

  /**
   * The micro batch of number {@code position >= 0}; fastest if they are asked for in order.
   *
   * @throws org.llmadapters.graph.FormatException if the data it comes from is malformed
   * @throws IOException if that cannot be read
   */
  Batch at(long position) throws IOException;

  /**
   * Epochs done before the micro batch of number {@code position}, which must be the one after the
   * last that was asked for; with its fraction if an epoch's length is known.
   */
  double epochs(long position);
}
