package org.llmadapters.conversion.files;

import java.util.Collection;
import java.util.Optional;

/** Finds the name that was probably meant. */
public final class NearestName {
  private static final int MAX_LENGTH = 200;

  private NearestName() {}

  /**
   * The name of {@code names} with the smallest edit distance (inserted, deleted and replaced
   * characters) to {@code name}, if it is at most a quarter of its length.
   */
  public static Optional<String> of(String name, Collection<String> names) {
    if (name.length() > MAX_LENGTH) {
      return Optional.empty();
    }
    int best = name.length() / 4 + 1;
    Optional<String> nearest = Optional.empty();
    for (String candidate : names) {
      if (Math.abs(candidate.length() - name.length()) < best) {
        int distance = distance(name, candidate);
        if (distance < best) {
          best = distance;
          nearest = Optional.of(candidate);
        }
      }
    }
    return nearest;
  }

  private static int distance(String a, String b) {
    int[] previous = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      previous[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int[] row = new int[b.length() + 1];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(replaced, 1 + Math.min(previous[j], row[j - 1]));
      }
      previous = row;
    }
    return previous[b.length()];
  }
}
