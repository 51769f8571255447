package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.NavigableMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * The rows of one epoch, in order: the numbers of the examples that each of them holds. Every
 * example of the epoch is in one of them. Lengths and seed alone decide, and the number of rows is
 * the same in all epochs.
 */
final class EpochRows {

  /** Micro batches whose rows are sorted together, as in transformers' LengthGroupedSampler. */
  private static final int SORTED_MICRO_BATCHES = 50;

  private final int[] lengths;
  private final Mixture mixture;
  private final BatchConfig config;

  /**
   * @param lengths of the examples, in tokens
   * @param mixture which of them an epoch has; all of them, where rows are packed
   */
  EpochRows(int[] lengths, Mixture mixture, BatchConfig config) {
    this.lengths = lengths;
    this.mixture = mixture;
    this.config = config;
  }

  /** The rows of {@code epoch}, counted from 0. */
  List<int[]> of(long epoch) {
    long seed = new SplittableRandom(config.seed()).nextLong() + epoch;
    int[] numbers = mixture.numbers(epoch, config.shuffle(), config.seed());
    if (config.shuffle()) {
      shuffle(numbers, seed);
    }
    return switch (config.arrangement()) {
      case IN_ORDER -> oneInEach(numbers);
      case BY_LENGTH -> oneInEach(byLength(numbers, seed));
      case PACKED -> packed(numbers, seed);
    };
  }

  private static List<int[]> oneInEach(int[] numbers) {
    return Arrays.stream(numbers).mapToObj(number -> new int[] {number}).toList();
  }

  /**
   * Sorts within windows, so that micro batches hold similar lengths without epochs being alike,
   * and shuffles the micro batches. One that is not full stays the last.
   */
  private int[] byLength(int[] numbers, long seed) {
    int rows = config.microBatchSize();
    int window = Math.multiplyExact(rows, SORTED_MICRO_BATCHES);
    List<Integer> sorted = new ArrayList<>();
    for (int from = 0; from < numbers.length; from += window) {
      Arrays.stream(numbers, from, Math.min(from + window, numbers.length))
          .boxed()
          .sorted(longestFirst())
          .forEach(sorted::add);
    }
    int[] full = IntStream.range(0, numbers.length / rows).toArray();
    if (config.shuffle()) {
      shuffle(full, seed);
    }
    return IntStream.range(0, numbers.length)
        .map(i -> i / rows < full.length ? full[i / rows] * rows + i % rows : i)
        .map(sorted::get)
        .toArray();
  }

  /**
   * Best-fit decreasing: the longest example first, each into the row with the least room that has
   * enough. What the order decides is which of the examples of one length goes where, so the rows
   * of all epochs are of the same lengths.
   */
  private List<int[]> packed(int[] numbers, long seed) {
    NavigableMap<Integer, List<List<Integer>>> byRoom = new TreeMap<>();
    List<List<Integer>> rows = new ArrayList<>();
    for (int number : Arrays.stream(numbers).boxed().sorted(longestFirst()).toList()) {
      var fitting = byRoom.ceilingEntry(lengths[number]);
      List<Integer> row;
      int room;
      if (fitting == null) {
        row = new ArrayList<>();
        rows.add(row);
        room = config.buckets().longest();
      } else {
        row = fitting.getValue().remove(fitting.getValue().size() - 1);
        room = fitting.getKey();
        if (fitting.getValue().isEmpty()) {
          byRoom.remove(room);
        }
      }
      row.add(number);
      byRoom.computeIfAbsent(room - lengths[number], key -> new ArrayList<>()).add(row);
    }
    List<int[]> sorted =
        rows.stream()
            .map(row -> row.stream().mapToInt(Integer::intValue).sorted().toArray())
            .sorted(Comparator.comparingInt(row -> row[0]))
            .toList();
    int[] order = IntStream.range(0, sorted.size()).toArray();
    if (config.shuffle()) {
      shuffle(order, seed);
    }
    return Arrays.stream(order).mapToObj(sorted::get).toList();
  }

  /** Those of one length stay in their order. */
  private Comparator<Integer> longestFirst() {
    return Comparator.comparingInt(number -> -lengths[number]);
  }

  /** Fisher-Yates. */
  static void shuffle(int[] numbers, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = numbers.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int number = numbers[i];
      numbers[i] = numbers[j];
      numbers[j] = number;
    }
  }
}
