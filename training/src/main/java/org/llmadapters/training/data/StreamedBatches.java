package org.llmadapters.training.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.llmadapters.training.records.RecordFile;

/**
 * Micro batches of files that need not fit in memory: examples are read while they are trained on.
 *
 * <p>They are drawn at random from a buffer of those read last, which is filled up again at once;
 * so an example comes about as many examples later as the buffer has, more or less. Files follow
 * each other without a gap, and so do the passes over them. With weights, each next example is read
 * from the file that is most behind its share.
 *
 * <p>A micro batch that does not come next is found by reading on to it, or anew from the start if
 * it lies behind. Not for use by several threads at once.
 */
public final class StreamedBatches implements BatchSource {

  private final List<List<RecordFile>> groups;
  private final double[] weights;
  private final ExampleEncoder encoder;
  private final Streaming streaming;
  private final BatchConfig config;
  private final List<Example> validation;
  private List<ExamplePasses> passes;
  private long[] read;
  private List<Example> buffer;
  private SplittableRandom random;
  private long next;

  /**
   * How files are read.
   *
   * @param shuffleBuffer examples in memory to draw from; 1 keeps their order
   * @param valSetSize {@code val_set_size}: examples at the start of the first file that are set
   *     aside
   * @param skipBadRecords whether bad records are left out, instead of being an error
   */
  public record Streaming(int shuffleBuffer, int valSetSize, boolean skipBadRecords) {
    public Streaming {
      if (shuffleBuffer < 1 || valSetSize < 0) {
        throw new IllegalArgumentException(
            "shuffle_buffer must be >= 1 and val_set_size >= 0, got "
                + shuffleBuffer
                + " and "
                + valSetSize);
      }
    }
  }

  /**
   * @param weights of the files; either each has one, of which only the ratios count, or none
   * @throws IllegalArgumentException if only some files have a weight, or nothing is left beside
   *     what is set aside
   * @throws org.llmadapters.graph.FormatException if the first records are bad
   */
  public StreamedBatches(
      List<RecordFile> files,
      List<OptionalDouble> weights,
      ExampleEncoder encoder,
      Streaming streaming,
      BatchConfig config)
      throws IOException {
    long weighted = weights.stream().filter(OptionalDouble::isPresent).count();
    if (weighted > 0 && weighted < files.size()) {
      throw new IllegalArgumentException(
          "streamed files must all have a weight or none, got one for "
              + weighted
              + " of "
              + files.size());
    }
    this.groups = weighted == 0 ? List.of(files) : files.stream().map(List::of).toList();
    this.weights = weights.stream().mapToDouble(weight -> weight.orElse(1)).toArray();
    this.encoder = encoder;
    this.streaming = streaming;
    this.config = config;
    this.validation = readValidation(files.get(0));
    this.passes = List.of();
    this.read = new long[0];
    this.buffer = List.of();
    this.random = new SplittableRandom(0);
    start();
  }

  private List<Example> readValidation(RecordFile file) throws IOException {
    List<Example> first = new ArrayList<>();
    if (streaming.valSetSize() > 0) {
      try (ExamplePasses pass =
          new ExamplePasses(List.of(file), encoder, streaming.skipBadRecords(), 0)) {
        while (first.size() < streaming.valSetSize() && pass.passes() == 0) {
          first.add(pass.next());
        }
      }
    }
    return first;
  }

  private void start() throws IOException {
    close();
    passes = new ArrayList<>();
    for (List<RecordFile> group : groups) {
      passes.add(
          new ExamplePasses(
              group,
              encoder,
              streaming.skipBadRecords(),
              passes.isEmpty() ? streaming.valSetSize() : 0));
    }
    read = new long[groups.size()];
    buffer = new ArrayList<>();
    random = new SplittableRandom(config.seed());
    next = 0;
  }

  /** What is set aside. */
  public List<Example> validation() {
    return List.copyOf(validation);
  }

  @Override
  public Batch at(long position) throws IOException {
    if (position < 0) {
      throw new IllegalArgumentException("the position must be >= 0, got " + position);
    }
    if (position < next) {
      start();
    }
    while (next < position) {
      rows();
    }
    List<Example> rows = rows();
    int longest = rows.stream().mapToInt(Example::length).max().orElseThrow();
    return Batch.of(
        rows.stream().map(List::of).toList(),
        config.microBatchSize(),
        config.buckets().lengthFor(longest),
        config.padTokenId());
  }

  private List<Example> rows() throws IOException {
    List<Example> rows = new ArrayList<>();
    while (rows.size() < config.microBatchSize()) {
      rows.add(draw());
    }
    next++;
    return rows;
  }

  private Example draw() throws IOException {
    int capacity = config.shuffle() ? streaming.shuffleBuffer() : 1;
    while (buffer.size() < capacity) {
      buffer.add(read());
    }
    int drawn = random.nextInt(capacity);
    return buffer.set(drawn, read());
  }

  /** The next example of the files that are most behind their share. */
  private Example read() throws IOException {
    int behind = 0;
    for (int i = 1; i < read.length; i++) {
      behind = (read[i] + 1) / weights[i] < (read[behind] + 1) / weights[behind] ? i : behind;
    }
    read[behind]++;
    return passes.get(behind).next();
  }

  /** Passes over the files that were read least often; what is in the buffer counts as read. */
  @Override
  public double epochs(long position) {
    return passes.stream().mapToLong(ExamplePasses::passes).min().orElse(0);
  }

  @Override
  public void close() throws IOException {
    for (ExamplePasses open : passes) {
      open.close();
    }
  }
}
