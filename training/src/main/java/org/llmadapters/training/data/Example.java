package org.llmadapters.training.data;

import java.util.Arrays;

/**
 * The tokens of one training text and which of them are to be predicted.
 *
 * <pre>
 *   input_ids    1   310  278   29871  29945    2
 *   labels    -100  -100 -100   29871  29945    2      the first three are the prompt
 * </pre>
 *
 * The loss compares {@code labels[t]} with what the model says after {@code input_ids[0..t-1]}; so
 * nothing predicts {@code labels[0]}, whatever it is.
 */
public final class Example {

  /** The label of a token that is not to be predicted. */
  public static final int IGNORED_LABEL = -100;

  private final int[] inputIds;
  private final int[] labels;

  /**
   * @param inputIds one id or more
   * @param labels as many: {@link #IGNORED_LABEL} or the id to predict
   * @throws IllegalArgumentException if the lengths differ or are 0
   */
  public Example(int[] inputIds, int[] labels) {
    if (inputIds.length == 0 || inputIds.length != labels.length) {
      throw new IllegalArgumentException(
          "an example needs as many labels as input_ids, and at least one, got "
              + inputIds.length
              + " input_ids and "
              + labels.length
              + " labels");
    }
    this.inputIds = inputIds.clone();
    this.labels = labels.clone();
  }

  /** A copy of the ids. */
  public int[] inputIds() {
    return inputIds.clone();
  }

  /** A copy of the labels. */
  public int[] labels() {
    return labels.clone();
  }

  /** Number of tokens. */
  public int length() {
    return inputIds.length;
  }

  /** Number of tokens the loss counts: labels that are not ignored, without the first. */
  public int countedTokens() {
    return (int) Arrays.stream(labels).skip(1).filter(label -> label != IGNORED_LABEL).count();
  }

  /** The first {@code length} tokens; itself if it has no more. */
  Example truncated(int length) {
    return length >= inputIds.length
        ? this
        : new Example(Arrays.copyOf(inputIds, length), Arrays.copyOf(labels, length));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Example example
        && Arrays.equals(inputIds, example.inputIds)
        && Arrays.equals(labels, example.labels);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(inputIds) + Arrays.hashCode(labels);
  }

  @Override
  public String toString() {
    return "input_ids " + Arrays.toString(inputIds) + ", labels " + Arrays.toString(labels);
  }
}
