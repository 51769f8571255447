package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * An endless sequence of micro batches, numbered from 0 through all epochs. Number and seed alone
 * decide what a micro batch holds, so a run that stopped goes on with the number it had reached.
 *
 * <p>Each epoch holds every example once, in an order of its own if shuffled. Its last micro batch
 * is filled up with empty rows, so that all have the same number of rows. The length is that of the
 * smallest bucket the longest row fits in.
 *
 * <p>Not for use by several threads at once.
 */
public final class Batches {

  private final List<Example> examples;
  private final BatchConfig config;
  private int[] order;
  private long orderedEpoch;

  /**
   * @param examples one or more
   * @throws IllegalArgumentException if there are none or one fits in no bucket
   */
  public Batches(List<Example> examples, BatchConfig config) {
    if (examples.isEmpty()) {
      throw new IllegalArgumentException("there must be an example, got none");
    }
    examples.forEach(example -> config.buckets().lengthFor(example.length()));
    this.examples = List.copyOf(examples);
    this.config = config;
    this.order = order(0);
  }

  /** Micro batches of one epoch, the last one included if it is not full. */
  public long perEpoch() {
    return (examples.size() + config.microBatchSize() - 1L) / config.microBatchSize();
  }

  /** All micro batches of the first epoch. */
  public List<Batch> epoch() {
    return LongStream.range(0, perEpoch()).mapToObj(this::at).toList();
  }

  /** The micro batch of number {@code position >= 0}, counted through all epochs. */
  public Batch at(long position) {
    if (position < 0) {
      throw new IllegalArgumentException("the position must be >= 0, got " + position);
    }
    long epoch = position / perEpoch();
    if (epoch != orderedEpoch) {
      order = order(epoch);
      orderedEpoch = epoch;
    }
    int first = Math.toIntExact(position % perEpoch() * config.microBatchSize());
    List<Example> rows = new ArrayList<>();
    int longest = 0;
    for (int i = first; i < order.length && rows.size() < config.microBatchSize(); i++) {
      Example example = examples.get(order[i]);
      rows.add(example);
      longest = Math.max(longest, example.length());
    }
    int length = config.buckets().lengthFor(longest);
    return Batch.of(rows, config.microBatchSize(), length, config.padTokenId());
  }

  /** How many shapes the micro batches of all epochs can have at most: one per bucket in use. */
  public int shapes() {
    return (int)
        examples.stream()
            .map(example -> config.buckets().lengthFor(example.length()))
            .distinct()
            .count();
  }

  /** The examples' numbers in the order of {@code epoch}. */
  private int[] order(long epoch) {
    int[] numbers = new int[examples.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = i;
    }
    if (config.shuffle()) {
      shuffle(numbers, new SplittableRandom(config.seed()).nextLong() + epoch);
    }
    return numbers;
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
