package org.llmadapters.training.data;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.records.ReadRecord;
import org.llmadapters.training.records.RecordFile;
import org.llmadapters.training.records.RecordReader;
import org.llmadapters.training.records.TrainingRecord;

/**
 * The examples of a file, in its order: a few hundred records are read, made into tokens by several
 * threads, and cut after {@code cutoff_len}; texts are cut into blocks of that length instead.
 */
final class ExampleReader implements Closeable {
  private static final int RECORDS_AT_ONCE = 256;

  private final RecordFile file;
  private final ExampleEncoder encoder;
  private final RecordReader reader;
  private final BadRecords bad;
  private final Deque<Example> ready = new ArrayDeque<>();
  private int[] unblocked = new int[0];
  private long records;
  private long truncated;
  private long dropped;
  private boolean ended;

  private ExampleReader(
      RecordFile file, ExampleEncoder encoder, RecordReader reader, boolean skipBadRecords) {
    this.file = file;
    this.encoder = encoder;
    this.reader = reader;
    this.bad = new BadRecords(file, skipBadRecords);
  }

  /**
   * Opens {@code file}; the caller closes.
   *
   * @param skipBadRecords whether bad records are left out, instead of being an error
   */
  static ExampleReader open(RecordFile file, ExampleEncoder encoder, boolean skipBadRecords)
      throws IOException {
    return new ExampleReader(file, encoder, file.open(), skipBadRecords);
  }

  /**
   * All examples of {@code file}.
   *
   * @throws FormatException that lists the bad records, unless they are skipped; or if no record
   *     has a token to predict
   */
  static EncodedExamples readAll(RecordFile file, ExampleEncoder encoder, boolean skipBadRecords)
      throws IOException {
    List<Example> examples = new ArrayList<>();
    try (ExampleReader reader = open(file, encoder, skipBadRecords)) {
      while (reader.readMore()) {
        examples.addAll(reader.ready);
        reader.ready.clear();
      }
      reader.bad.requireNone();
      reader.bad.warn();
      reader.requireExamples(!examples.isEmpty());
      return new EncodedExamples(
          examples, Math.toIntExact(reader.truncated), Math.toIntExact(reader.dropped));
    }
  }

  /**
   * The next example; nothing at the end.
   *
   * @throws FormatException that lists bad records among those just read, unless they are skipped
   */
  Optional<Example> next() throws IOException {
    while (ready.isEmpty() && readMore()) {
      bad.requireNone();
    }
    bad.requireNone();
    return Optional.ofNullable(ready.poll());
  }

  /** Says which bad records were left out. */
  void warn() {
    bad.warn();
  }

  /**
   * Fails if the file had nothing to train on.
   *
   * @param any whether it had an example
   */
  void requireExamples(boolean any) {
    if (records == 0) {
      throw new FormatException(file.file(), "holds no records; expected %s", file.expected());
    }
    if (!any) {
      throw new FormatException(
          file.file(),
          "none of %d records has a token to predict within cutoff_len %d;"
              + " raise it, or set train_on_inputs",
          records,
          encoder.cutoffLen());
    }
  }

  /** What became of a record: an example, or what is wrong. */
  private record Outcome(Optional<Example> example, String problem) {}

  /** Reads and encodes some records; false at the end. */
  private boolean readMore() throws IOException {
    List<ReadRecord> some = new ArrayList<>();
    while (!ended && some.size() < RECORDS_AT_ONCE) {
      Optional<ReadRecord> next = reader.next();
      next.ifPresent(some::add);
      ended = next.isEmpty();
    }
    // Tokenizers may be used by several threads at once, and take most of the time.
    List<Outcome> outcomes;
    try {
      outcomes = some.parallelStream().map(this::encode).toList();
    } catch (UncheckedIOException e) { // where a tokenizer is opened only now
      throw e.getCause();
    }
    for (int i = 0; i < some.size(); i++) {
      records++;
      ReadRecord record = some.get(i);
      Outcome outcome = outcomes.get(i);
      if (!record.problems().isEmpty()) {
        bad.add(record.where(), record.problems());
      } else if (outcome.example().isEmpty()) {
        bad.add(record.where(), List.of(outcome.problem()));
      } else if (record.record().orElseThrow() instanceof TrainingRecord.Text text) {
        addBlocks(outcome.example().get(), text.ends());
      } else {
        add(outcome.example().get());
      }
    }
    return !some.isEmpty();
  }

  private Outcome encode(ReadRecord record) {
    try {
      return new Outcome(record.record().map(encoder::whole), "");
    } catch (IllegalArgumentException e) {
      return new Outcome(Optional.empty(), String.valueOf(e.getMessage()));
    }
  }

  private void add(Example whole) {
    truncated += whole.length() > encoder.cutoffLen() ? 1 : 0;
    Example example = whole.truncated(encoder.cutoffLen());
    if (example.countedTokens() > 0) {
      ready.add(example);
    } else {
      dropped++;
    }
  }

  /** Cuts a text into blocks; what is left of a part of it is the start of the next block. */
  private void addBlocks(Example part, boolean last) {
    int[] tokens = Arrays.copyOf(unblocked, unblocked.length + part.length());
    System.arraycopy(part.inputIds(), 0, tokens, unblocked.length, part.length());
    int start = 0;
    while (tokens.length - start >= encoder.cutoffLen()) {
      addBlock(Arrays.copyOfRange(tokens, start, start + encoder.cutoffLen()));
      start += encoder.cutoffLen();
    }
    unblocked = Arrays.copyOfRange(tokens, start, tokens.length);
    if (last && unblocked.length > 0) {
      addBlock(unblocked);
      unblocked = new int[0];
    }
  }

  private void addBlock(int[] tokens) {
    add(new Example(tokens, tokens));
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
