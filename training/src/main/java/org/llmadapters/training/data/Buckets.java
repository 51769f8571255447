package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.List;

/**
 * The lengths in tokens that micro batches are padded to, so that only a few shapes are compiled.
 *
 * @param lengths rising, each >= 1
 */
public record Buckets(List<Integer> lengths) {

  private static final int SHORTEST = 32;

  public Buckets {
    lengths = List.copyOf(lengths);
    int previous = 0;
    for (int length : lengths) {
      if (length <= previous) {
        throw new IllegalArgumentException(
            "bucket lengths must be rising numbers >= 1, got " + lengths);
      }
      previous = length;
    }
    if (lengths.isEmpty()) {
      throw new IllegalArgumentException("there must be a bucket length, got none");
    }
  }

  /**
   * 32, 64, 96, 128, 192, 256, 384, 512, 768 ... (powers of two and what lies halfway), the last
   * one being {@code cutoffLen} itself: at most about a third of a batch's longest row is padding.
   */
  public static Buckets upTo(int cutoffLen) {
    List<Integer> lengths = new ArrayList<>();
    for (int length = SHORTEST; length > 0 && length < cutoffLen; length = next(length)) {
      lengths.add(length);
    }
    lengths.add(cutoffLen);
    return new Buckets(lengths);
  }

  private static int next(int length) {
    int powerOfTwo = Integer.highestOneBit(length);
    boolean addsHalf = length == powerOfTwo && length > SHORTEST;
    return addsHalf ? length + length / 2 : 2 * powerOfTwo;
  }

  /** The last of the lengths. */
  public int longest() {
    return lengths.get(lengths.size() - 1);
  }

  /**
   * The smallest length that {@code tokens} fit in.
   *
   * @throws IllegalArgumentException if they fit in none
   */
  public int lengthFor(int tokens) {
    return lengths.stream()
        .filter(length -> length >= tokens)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "an example has "
                        + tokens
                        + " tokens, more than the longest bucket of "
                        + longest()
                        + "; set --cutoff-len to that or less, or add a longer one to --buckets"));
  }
}
