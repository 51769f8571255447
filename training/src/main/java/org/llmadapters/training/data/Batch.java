package org.llmadapters.training.data;

import java.util.Arrays;
import java.util.List;

/**
 * A micro batch of B rows padded on the right to T tokens. A row holds one example, or several
 * behind each other, each of them a document of its own. B = 2, T = 6, pad id 0:
 *
 * <pre>
 *   input_ids        1  5  6  2  0  0       1  7  2    1  8  2
 *   attention_mask   1  1  1  1  0  0       1  1  1    2  2  2        0 = padding
 *   labels        -100 -100 6 2 -100 -100 -100  7  2 -100  8  2
 * </pre>
 *
 * The mask is the number of the document in its row, from 1. A document's first token is not
 * predicted, as nothing of it comes before. A row that only fills up the batch has mask 0 and label
 * -100 throughout, so it counts no token.
 */
public final class Batch {

  private final int[][] inputIds;
  private final int[][] attentionMask;
  private final int[][] labels;

  private Batch(int[][] inputIds, int[][] attentionMask, int[][] labels) {
    this.inputIds = inputIds;
    this.attentionMask = attentionMask;
    this.labels = labels;
  }

  /**
   * {@code documents} in {@code rows} rows of {@code length} tokens.
   *
   * @param documents of each row that is not empty
   */
  static Batch of(List<List<Example>> documents, int rows, int length, int padTokenId) {
    int[][] inputIds = new int[rows][length];
    int[][] attentionMask = new int[rows][length];
    int[][] labels = new int[rows][length];
    for (int row = 0; row < rows; row++) {
      Arrays.fill(inputIds[row], padTokenId);
      Arrays.fill(labels[row], Example.IGNORED_LABEL);
      int from = 0;
      int number = 1;
      for (Example document : row < documents.size() ? documents.get(row) : List.<Example>of()) {
        int tokens = document.length();
        System.arraycopy(document.inputIds(), 0, inputIds[row], from, tokens);
        System.arraycopy(document.labels(), 1, labels[row], from + 1, tokens - 1);
        Arrays.fill(attentionMask[row], from, from + tokens, number++);
        from += tokens;
      }
    }
    return new Batch(inputIds, attentionMask, labels);
  }

  /** The ids [B, T]: the arrays themselves, which only this batch has. */
  public int[][] inputIds() {
    return inputIds;
  }

  /** The mask [B, T], the number of the token's document, 0 = padding: the arrays themselves. */
  public int[][] attentionMask() {
    return attentionMask;
  }

  /** The labels [B, T], -100 = not to be predicted: the arrays themselves. */
  public int[][] labels() {
    return labels;
  }

  /** T, padding included. */
  public int length() {
    return inputIds[0].length;
  }

  /** Real tokens in all rows. */
  public int realTokens() {
    return (int)
        Arrays.stream(attentionMask).flatMapToInt(Arrays::stream).filter(d -> d != 0).count();
  }

  /** Tokens the loss counts: labels other than -100. */
  public int countedTokens() {
    return (int)
        Arrays.stream(labels)
            .flatMapToInt(Arrays::stream)
            .filter(label -> label != Example.IGNORED_LABEL)
            .count();
  }
}
