package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * Micro batches of examples in memory.
 *
 * <p>Each epoch holds what the {@link Mixture} says, every example once if there is one file, in an
 * order of its own if shuffled. Its last micro batch is filled up with empty rows, so that all have
 * the same number of rows. The length is that of the smallest bucket the longest row fits in.
 *
 * <p>Not for use by several threads at once.
 */
public final class Batches implements BatchSource {

  private final List<Example> examples;
  private final Mixture mixture;
  private final BatchConfig config;
  private int[] order;
  private long orderedEpoch;

  /**
   * Each epoch has all examples.
   *
   * @param examples one or more
   * @throws IllegalArgumentException if there are none or one fits in no bucket
   */
  public Batches(List<Example> examples, BatchConfig config) {
    this(examples, Mixture.of(List.of(examples.size()), List.of(OptionalDouble.empty())), config);
  }

  /**
   * Each epoch has those that {@code mixture} says.
   *
   * @param examples those of all files, one file after the other
   * @throws IllegalArgumentException if one fits in no bucket
   */
  public Batches(List<Example> examples, Mixture mixture, BatchConfig config) {
    examples.forEach(example -> config.buckets().lengthFor(example.length()));
    this.examples = List.copyOf(examples);
    this.mixture = mixture;
    this.config = config;
    this.order = order(0);
  }

  /** Micro batches of one epoch, the last one included if it is not full. */
  public long perEpoch() {
    return (mixture.examplesPerEpoch() + config.microBatchSize() - 1L) / config.microBatchSize();
  }

  /** All micro batches of the first epoch. */
  public List<Batch> epoch() {
    return LongStream.range(0, perEpoch()).mapToObj(this::at).toList();
  }

  @Override
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

  @Override
  public double epochs(long position) {
    return (double) position / perEpoch();
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
    int[] numbers = mixture.numbers(epoch, config.shuffle(), config.seed());
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

  @Override
  public void close() {
    // nothing but memory
  }
}
