package org.llmadapters.eval;

import java.util.Arrays;
import java.util.List;
import org.llmadapters.conversion.tokenizer.Tokenizer;

/**
 * Looks for stop strings in the rows of a batch while they grow. Every length of a row is looked
 * at, so that an answer does not depend on how many tokens come at once.
 */
final class StopWatch {
  private final StopStrings stop;
  private final Tokenizer tokenizer;
  private final List<Integer> endIds;
  private final int[] seen;
  private final boolean[] ended;

  /**
   * @param rows the first so many rows of the batch are looked at
   */
  StopWatch(StopStrings stop, Tokenizer tokenizer, List<Integer> endIds, int rows) {
    this.stop = stop;
    this.tokenizer = tokenizer;
    this.endIds = endIds;
    this.seen = new int[rows];
    this.ended = new boolean[rows];
  }

  /**
   * Whether every row has ended, by a stop string or an end token.
   *
   * @param tokens [B][n]: all tokens so far
   */
  boolean allEnded(int[][] tokens) {
    boolean all = true;
    for (int row = 0; row < ended.length; row++) {
      while (!ended[row] && seen[row] < tokens[row].length) {
        int last = tokens[row][seen[row]++];
        ended[row] =
            endIds.contains(last) || isIn(stop, tokenizer, Arrays.copyOf(tokens[row], seen[row]));
      }
      all &= ended[row];
    }
    return all;
  }

  /**
   * The tokens of each row up to the one that completes a stop string.
   *
   * @param tokens [B][n], rows of their own lengths
   */
  int[][] cut(int[][] tokens) {
    int[][] cut = tokens.clone();
    for (int row = 0; row < ended.length; row++) {
      if (ended[row] && seen[row] < tokens[row].length) {
        cut[row] = Arrays.copyOf(tokens[row], seen[row]);
      }
    }
    return cut;
  }

  /** Whether a stop string is in the text of {@code tokens}, special tokens written out or not. */
  static boolean isIn(StopStrings stop, Tokenizer tokenizer, int[] tokens) {
    return stop.isIn(tokenizer.decode(tokens, true)) || stop.isIn(tokenizer.decode(tokens, false));
  }
}
