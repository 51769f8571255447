package org.llmadapters.eval;

import java.util.List;

/**
 * Texts that end an answer, as {@code stop_strings} of transformers; the answer is what comes
 * before the first of them.
 *
 * @param texts none of them empty
 */
public record StopStrings(List<String> texts) {
  /** Answers end with an end token or at their longest. */
  public static final StopStrings NONE = new StopStrings(List.of());

  public StopStrings {
    texts = List.copyOf(texts);
    if (texts.contains("")) {
      throw new IllegalArgumentException("a stop string is empty, so every answer would be");
    }
  }

  boolean isEmpty() {
    return texts.isEmpty();
  }

  /** Whether {@code text} has one of them in it. */
  boolean isIn(String text) {
    return texts.stream().anyMatch(text::contains);
  }

  /** {@code text} up to the first of them; all of it if none is in it. */
  public String cut(String text) {
    int end =
        texts.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(text.length());
    return text.substring(0, end);
  }

  /** {@code text} without an end that may turn out to be the beginning of one of them. */
  String certain(String text) {
    String cut = cut(text);
    int end = cut.length();
    for (String stop : texts) {
      for (int start = Math.max(0, cut.length() - stop.length() + 1); start < end; start++) {
        if (stop.startsWith(cut.substring(start))) {
          end = start;
        }
      }
    }
    return cut.substring(0, end);
  }
}
