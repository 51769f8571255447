package org.llmadapters.training.data;

import java.util.Locale;

/**
 * How well an epoch's micro batches are filled.
 *
 * @param examples in all rows
 * @param rows that hold examples
 * @param tokens of the examples
 * @param padding tokens that fill up rows and micro batches
 * @param shapes lengths of micro batches, each of which is a graph of its own
 */
public record Fill(int examples, int rows, long tokens, long padding, int shapes) {

  /** {@code 2000 examples in 310 rows, padding 3.1 % of 79360 tokens, 1 shape}. */
  public String describe() {
    return String.format(
        Locale.ROOT,
        "%d examples in %d rows, padding %.1f %% of %d tokens, %d shape%s",
        examples,
        rows,
        100.0 * padding / (tokens + padding),
        tokens + padding,
        shapes,
        shapes == 1 ? "" : "s");
  }
}
