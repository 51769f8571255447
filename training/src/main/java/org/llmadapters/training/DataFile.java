package org.llmadapters.training;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file of training data as {@code --data} names it: {@code FILE} or {@code FILE=WEIGHT}.
 *
 * @param file its path
 * @param weight see {@link org.llmadapters.training.data.Mixture}
 */
public record DataFile(Path file, OptionalDouble weight) {
  private static final Pattern WEIGHTED = Pattern.compile("(.+)=([0-9.eE+-]+)");

  public DataFile {
    if (weight.isPresent() && !(weight.getAsDouble() > 0 && weight.getAsDouble() < 1e9)) {
      throw new IllegalArgumentException(
          "--data " + file + ": the weight must be above 0, got " + weight.getAsDouble());
    }
  }

  /** The same by its absolute path. */
  DataFile absolute() {
    return new DataFile(file.toAbsolutePath().normalize(), weight);
  }

  /** {@code FILE} or {@code FILE=WEIGHT}, as the option takes it. */
  @Override
  public String toString() {
    return weight.isPresent() ? file + "=" + weight.getAsDouble() : file.toString();
  }

  /**
   * What {@code text} names; a file whose own name ends in {@code =NUMBER} is such a file.
   *
   * @throws IllegalArgumentException if the weight is no number above 0
   */
  public static DataFile of(String text) {
    Matcher weighted = WEIGHTED.matcher(text);
    if (Files.exists(Path.of(text)) || !weighted.matches()) {
      return new DataFile(Path.of(text), OptionalDouble.empty());
    }
    try {
      return new DataFile(
          Path.of(weighted.group(1)), OptionalDouble.of(Double.parseDouble(weighted.group(2))));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "--data " + text + ": the weight must be a number above 0", e);
    }
  }
}
