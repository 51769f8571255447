package org.llmadapters.conversion.combine;

import java.nio.file.Path;

/**
 * An adapter with its share in a combination.
 *
 * @param directory in PEFT's format
 * @param weight of its update; a negative one subtracts it
 */
public record WeightedAdapter(Path directory, double weight) {

  public WeightedAdapter {
    if (!Double.isFinite(weight)) {
      throw new IllegalArgumentException(
          directory + ": its weight must be a finite number, got " + weight);
    }
  }

  /**
   * Reads {@code runs/math=0.7}.
   *
   * @throws IllegalArgumentException if it is nothing of the kind
   */
  public static WeightedAdapter parse(String text) {
    int equals = text.lastIndexOf('=');
    if (equals < 1) {
      throw new IllegalArgumentException("\"" + text + "\" is not DIR=WEIGHT, such as math=0.7");
    }
    String weight = text.substring(equals + 1);
    double parsed;
    try {
      parsed = Double.parseDouble(weight);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not DIR=WEIGHT, such as math=0.7: \"" + weight + "\" is no number",
          e);
    }
    return new WeightedAdapter(Path.of(text.substring(0, equals)), parsed);
  }
}
