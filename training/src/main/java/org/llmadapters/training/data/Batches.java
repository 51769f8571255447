package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.LongStream;

/**
 * Micro batches of examples in memory.
 *
 * <p>Each epoch holds what the {@link Mixture} says, every example once if there is one file, in an
 * order of its own if shuffled. Its last micro batch is filled up with empty rows, so that all have
 * the same number of rows. The length is that of the smallest bucket the longest row fits in; the
 * longest of all, where rows are packed.
 *
 * <p>Not for use by several threads at once.
 */
public final class Batches implements BatchSource {

  private final List<Example> examples;
  private final BatchConfig config;
  private final EpochRows epochRows;
  private final int longestRow;
  private List<int[]> rows;
  private long epochOfRows;

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
    this.config = config;
    this.epochRows =
        new EpochRows(examples.stream().mapToInt(Example::length).toArray(), mixture, config);
    this.rows = epochRows.of(0);
    this.longestRow = longest(rows);
  }

  /** Micro batches of one epoch, the last one included if it is not full. */
  public long perEpoch() {
    return (rows.size() + config.microBatchSize() - 1L) / config.microBatchSize();
  }

  /** All micro batches of the first epoch. */
  public List<Batch> epoch() {
    return LongStream.range(0, perEpoch()).mapToObj(this::at).toList();
  }

  @Override
  public Batch at(long position) {
    List<List<Example>> documents =
        rowsAt(position).stream()
            .map(row -> Arrays.stream(row).mapToObj(examples::get).toList())
            .toList();
    return Batch.of(documents, config.microBatchSize(), length(position), config.padTokenId());
  }

  /** The rows of a micro batch: the numbers of the examples in each. */
  private List<int[]> rowsAt(long position) {
    if (position < 0) {
      throw new IllegalArgumentException("the position must be >= 0, got " + position);
    }
    long epoch = position / perEpoch();
    if (epoch != epochOfRows) {
      rows = epochRows.of(epoch);
      epochOfRows = epoch;
    }
    int first = Math.toIntExact(position % perEpoch() * config.microBatchSize());
    return rows.subList(first, Math.min(first + config.microBatchSize(), rows.size()));
  }

  /** T of a micro batch. Packed rows are all of one length, so that there is one shape. */
  private int length(long position) {
    return config
        .buckets()
        .lengthFor(
            config.arrangement() == Arrangement.PACKED ? longestRow : longest(rowsAt(position)));
  }

  private int longest(List<int[]> rows) {
    return rows.stream()
        .mapToInt(row -> Arrays.stream(row).map(number -> examples.get(number).length()).sum())
        .max()
        .orElseThrow();
  }

  @Override
  public double epochs(long position) {
    return (double) position / perEpoch();
  }

  /** How well the first epoch is filled. */
  public Fill fill() {
    List<Integer> lengths = new ArrayList<>();
    for (long position = 0; position < perEpoch(); position++) {
      lengths.add(length(position));
    }
    long tokens =
        rows.stream().flatMapToInt(Arrays::stream).mapToLong(i -> examples.get(i).length()).sum();
    long all = config.microBatchSize() * lengths.stream().mapToLong(Integer::longValue).sum();
    int shapes = (int) lengths.stream().distinct().count();
    return new Fill(
        rows.stream().mapToInt(row -> row.length).sum(), rows.size(), tokens, all - tokens, shapes);
  }

  @Override
  public void close() {
    // nothing but memory
  }
}
