package org.llmadapters.training.data;

import java.util.Arrays;
import java.util.List;

/**
 * A micro batch of B rows padded on the right to T tokens. B = 2, T = 4, pad id 0:
 *
 * <pre>
 *   input_ids        1  5  6  2       1  7  2  0
 *   attention_mask   1  1  1  1       1  1  1  0        1 = real token
 *   labels        -100 -100  6  2    -100  7  2 -100
 * </pre>
 *
 * A row that only fills up the batch has mask 0 and label -100 throughout, so it counts no token.
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

  /** {@code examples} in {@code rows} rows of {@code length} tokens. */
  static Batch of(List<Example> examples, int rows, int length, int padTokenId) {
    int[][] inputIds = new int[rows][length];
    int[][] attentionMask = new int[rows][length];
    int[][] labels = new int[rows][length];
    for (int row = 0; row < rows; row++) {
      int tokens = 0;
      if (row < examples.size()) {
        Example example = examples.get(row);
        tokens = example.length();
        System.arraycopy(example.inputIds(), 0, inputIds[row], 0, tokens);
        System.arraycopy(example.labels(), 0, labels[row], 0, tokens);
      }
      Arrays.fill(attentionMask[row], 0, tokens, 1);
      Arrays.fill(inputIds[row], tokens, length, padTokenId);
      Arrays.fill(labels[row], tokens, length, Example.IGNORED_LABEL);
    }
    return new Batch(inputIds, attentionMask, labels);
  }

  /** The ids [B, T]: the arrays themselves, which only this batch has. */
  public int[][] inputIds() {
    return inputIds;
  }

  /** The mask [B, T], 1 = real token: the arrays themselves. */
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
    return Arrays.stream(attentionMask).mapToInt(row -> Arrays.stream(row).sum()).sum();
  }

  /** Tokens the loss counts: labels other than -100, without the first of each row. */
  public int countedTokens() {
    return (int)
        Arrays.stream(labels)
            .flatMapToInt(row -> Arrays.stream(row).skip(1))
            .filter(label -> label != Example.IGNORED_LABEL)
            .count();
  }
}
