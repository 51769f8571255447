package org.llmadapters.eval.report;

import java.util.Locale;

/**
 * How fast items were answered.
 *
 * @param items answered, one or more
 * @param tokens generated for them, or read to score their choices
 * @param seconds for all of them together
 */
public record Speed(int items, long tokens, double seconds) {
  /** Items per second. */
  public double itemsPerSecond() {
    return items / seconds;
  }

  /** Tokens per second. */
  public double tokensPerSecond() {
    return tokens / seconds;
  }

  /** Both, one after the other. */
  public Speed plus(Speed other) {
    return new Speed(items + other.items, tokens + other.tokens, seconds + other.seconds);
  }

  /** For people: {@code 3.21 items/s, 140 tokens/s}. */
  public String text() {
    return String.format(
        Locale.ROOT, "%.2f items/s, %.0f tokens/s", itemsPerSecond(), tokensPerSecond());
  }
}
