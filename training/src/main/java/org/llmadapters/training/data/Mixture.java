package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * How many examples of each file an epoch has.
 *
 * <p>A weight is the share of an epoch's examples that are drawn from a file. A file without one is
 * there whole, each example once, and such files together make up what the weights leave; if all
 * files have weights, only their ratios count, and an epoch has as many examples as all files
 * together. So with 700 examples in a, and b=0.3, an epoch has the 700 of a and 300 drawn from b;
 * with a=3 and b=1 of 600 examples each, it has 900 drawn from a and 300 from b.
 *
 * <p>What is drawn goes on from epoch to epoch through the file, in a new order each time around if
 * shuffled: no example is drawn again before all others were.
 *
 * @param parts of the files, in their order
 */
public record Mixture(List<Part> parts) {

  /**
   * What is drawn from a file.
   *
   * @param size examples in the file
   * @param drawn of them per epoch; more than the size if some come several times
   */
  public record Part(int size, int drawn) {}

  public Mixture {
    parts = List.copyOf(parts);
    long all = parts.stream().mapToLong(Part::drawn).sum();
    if (all < 1 || all > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          all < 1
              ? "there must be an example, got none"
              : "an epoch would have " + all + " examples, expected fewer than 2^31");
    }
  }

  /**
   * The mixture of files with {@code sizes} examples and {@code weights}.
   *
   * @throws IllegalArgumentException if the weights of some files leave nothing to the others, or a
   *     file with a weight has no examples
   */
  public static Mixture of(List<Integer> sizes, List<OptionalDouble> weights) {
    double weighted =
        weights.stream().filter(OptionalDouble::isPresent).mapToDouble(w -> w.getAsDouble()).sum();
    long whole = 0;
    long all = 0;
    for (int i = 0; i < sizes.size(); i++) {
      all += sizes.get(i);
      whole += weights.get(i).isPresent() ? 0 : sizes.get(i);
      if (weights.get(i).isPresent() && sizes.get(i) == 0) {
        throw new IllegalArgumentException(
            "file " + (i + 1) + " of --data has a weight, but no examples are left in it");
      }
    }
    boolean allWeighted = weights.stream().allMatch(OptionalDouble::isPresent);
    if (!allWeighted && weighted >= 1) {
      throw new IllegalArgumentException(
          "the weights of --data must be below 1 together, as there is a file without one, got "
              + weighted);
    }
    double epoch = allWeighted ? all : whole / (1 - weighted);
    List<Part> parts = new ArrayList<>();
    for (int i = 0; i < sizes.size(); i++) {
      OptionalDouble weight = weights.get(i);
      double share = weight.orElse(0) / (allWeighted ? weighted : 1);
      long drawn = weight.isPresent() ? Math.max(1, Math.round(share * epoch)) : sizes.get(i);
      parts.add(new Part(sizes.get(i), (int) Math.min(drawn, Integer.MAX_VALUE)));
    }
    return new Mixture(parts);
  }

  /** Examples of an epoch. */
  public int examplesPerEpoch() {
    return parts.stream().mapToInt(Part::drawn).sum();
  }

  /**
   * The numbers of the examples of {@code epoch}, one file after the other; example 0 of the second
   * file has the number that the first file has examples, and so on.
   *
   * @param shuffle whether what is drawn of a file is drawn at random
   */
  int[] numbers(long epoch, boolean shuffle, long seed) {
    int[] numbers = new int[examplesPerEpoch()];
    int first = 0;
    int filled = 0;
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      if (part.drawn() == part.size()) {
        for (int j = 0; j < part.size(); j++) {
          numbers[filled + j] = first + j;
        }
      } else {
        long partSeed = new SplittableRandom(seed + i + 1).nextLong();
        draw(part, epoch, shuffle, partSeed, numbers, filled);
        for (int j = filled; j < filled + part.drawn(); j++) {
          numbers[j] += first;
        }
      }
      filled += part.drawn();
      first += part.size();
    }
    return numbers;
  }

  /** Fills {@code numbers} from {@code at} on with what {@code epoch} draws of a file. */
  private static void draw(
      Part part, long epoch, boolean shuffle, long seed, int[] numbers, int at) {
    int[] order = new int[part.size()];
    long pass = -1;
    for (int j = 0; j < part.drawn(); j++) {
      long drawn = epoch * part.drawn() + j;
      if (drawn / part.size() != pass) {
        pass = drawn / part.size();
        Arrays.setAll(order, number -> number);
        if (shuffle) {
          EpochRows.shuffle(order, seed + pass);
        }
      }
      numbers[at + j] = order[(int) (drawn % part.size())];
    }
  }
}
