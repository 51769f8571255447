package org.llmadapters.training;

import com.google.common.collect.Iterables;
import com.google.common.hash.Hasher;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.training.data.Arrangement;
import org.llmadapters.training.data.BatchConfig;
import org.llmadapters.training.data.BatchSource;
import org.llmadapters.training.data.Batches;
import org.llmadapters.training.data.Buckets;
import org.llmadapters.training.data.EncodedExamples;
import org.llmadapters.training.data.Example;
import org.llmadapters.training.data.ExampleEncoder;
import org.llmadapters.training.data.Mixture;
import org.llmadapters.training.data.PrefetchedBatches;
import org.llmadapters.training.data.StreamedBatches;
import org.llmadapters.training.data.TrainValidationSplit;
import org.llmadapters.training.records.RecordFile;

/**
 * The data of a run: read, made into tokens with the model's tokenizer, and checked against the
 * model; all at once, or bit by bit if it is streamed.
 */
final class RunData implements Closeable {
  /** Bytes of a streamed file that tell it from another. */
  private static final int IDENTIFYING_BYTES = 1 << 20;

  private final TrainingOptions.Data options;
  private final BatchConfig batch;
  private final ModelText text;
  private final PrefetchedBatches batches;
  private final Examples examples;

  /**
   * What is known of the examples before they are trained on.
   *
   * @param training those in memory; empty if they are streamed
   * @param validation those set aside
   * @param perEpoch micro batches of an epoch, if known
   * @param description for the log
   */
  private record Examples(
      List<Example> training,
      List<Example> validation,
      OptionalLong perEpoch,
      String description) {}

  private RunData(
      TrainingOptions.Data options,
      BatchConfig batch,
      ModelText text,
      BatchSource source,
      Examples examples) {
    this.options = options;
    this.batch = batch;
    this.text = text;
    this.batches = new PrefetchedBatches(source, batch.microBatchSize());
    this.examples = examples;
  }

  /**
   * Opens the data that {@code options} name; the caller closes.
   *
   * @param virtualTokens positions that are not there for text
   * @throws FormatException if data is malformed, or text meets a model without a tokenizer
   * @throws IllegalArgumentException if options do not go together, or examples are longer than the
   *     model can read
   */
  static RunData open(TrainingOptions options, ModelConfig config, int virtualTokens)
      throws IOException {
    TrainingOptions.Data data = options.data();
    if (data.shuffleBuffer().isPresent() && options.loop().maxSteps() == 0) {
      throw new IllegalArgumentException(
          "--streaming needs --max-steps: how long an epoch is, is known only when it ends");
    }
    TrainingOptions.Rows rows = options.loop().rows();
    requireArrangement(data, rows.arrangement());
    BatchConfig batch =
        new BatchConfig(
            options.loop().microBatchSize(),
            rows.arrangement(),
            rows.buckets().orElseGet(() -> Buckets.upTo(data.cutoffLen())),
            config.tokenIds().padding(),
            options.loop().shuffle(),
            options.loop().seed());
    if (batch.arrangement() == Arrangement.PACKED) {
      requirePackable(config, batch.buckets().longest(), virtualTokens);
    }
    ModelText text = ModelText.of(options.model().assets(), data.chatTemplate());
    try {
      ExampleEncoder encoder =
          new ExampleEncoder(
              text::encode,
              data.trainOnInputs() ? text::whole : text::turns,
              eos(config, text),
              config.sizes().vocabSize(),
              data.template(),
              data.cutoffLen(),
              data.trainOnInputs());
      List<RecordFile> files = new ArrayList<>();
      for (DataFile file : data.files()) {
        files.add(RecordFile.of(file.file()));
      }
      return data.shuffleBuffer().isPresent()
          ? streamed(options, batch, text, encoder, files, config, virtualTokens)
          : inMemory(options, batch, text, encoder, files, config, virtualTokens);
    } catch (IOException | RuntimeException e) {
      text.close();
      throw e;
    }
  }

  private static RunData inMemory(
      TrainingOptions options,
      BatchConfig batch,
      ModelText text,
      ExampleEncoder encoder,
      List<RecordFile> files,
      ModelConfig config,
      int virtualTokens)
      throws IOException {
    TrainingOptions.Data data = options.data();
    List<List<Example>> read = new ArrayList<>();
    int truncated = 0;
    int dropped = 0;
    int longest = 0;
    for (RecordFile file : files) {
      EncodedExamples encoded = EncodedExamples.read(file, encoder, data.skipBadRecords());
      read.add(encoded.examples());
      truncated += encoded.truncated();
      dropped += encoded.dropped();
      longest = Math.max(longest, encoded.longest());
    }
    requireFit(longest, config, virtualTokens);
    TrainValidationSplit split = TrainValidationSplit.of(read, data.valSetSize(), batch.seed());
    Mixture mixture = Mixture.of(split.sizes(), weights(data));
    Batches batches = new Batches(split.training(), mixture, batch);
    StringBuilder description =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%d examples, %d truncated, %d dropped",
                split.training().size(),
                truncated,
                dropped));
    for (int i = 0; i < files.size() && files.size() > 1; i++) {
      Mixture.Part part = mixture.parts().get(i);
      description.append(
          String.format(
              Locale.ROOT,
              "; %s: %d examples, %d per epoch",
              files.get(i).file(),
              part.size(),
              part.drawn()));
    }
    description.append("; ").append(batches.fill().describe());
    return new RunData(
        data,
        batch,
        text,
        batches,
        new Examples(
            split.training(),
            validation(options, encoder, config, virtualTokens).orElse(split.validation()),
            OptionalLong.of(batches.perEpoch()),
            description.toString()));
  }

  private static RunData streamed(
      TrainingOptions options,
      BatchConfig batch,
      ModelText text,
      ExampleEncoder encoder,
      List<RecordFile> files,
      ModelConfig config,
      int virtualTokens)
      throws IOException {
    TrainingOptions.Data data = options.data();
    requireFit(data.cutoffLen(), config, virtualTokens);
    StreamedBatches batches =
        new StreamedBatches(
            files,
            weights(data),
            encoder,
            new StreamedBatches.Streaming(
                data.shuffleBuffer().getAsInt(), data.valSetSize(), data.skipBadRecords()),
            batch);
    return new RunData(
        data,
        batch,
        text,
        batches,
        new Examples(
            List.of(),
            validation(options, encoder, config, virtualTokens).orElseGet(batches::validation),
            OptionalLong.empty(),
            "examples streamed from " + files.size() + (files.size() == 1 ? " file" : " files")));
  }

  /** The examples of {@code --val-data}, if it was given. */
  private static Optional<List<Example>> validation(
      TrainingOptions options, ExampleEncoder encoder, ModelConfig config, int virtualTokens)
      throws IOException {
    Optional<Path> file = options.output().watching().validationFile();
    if (file.isEmpty()) {
      return Optional.empty();
    }
    EncodedExamples encoded =
        EncodedExamples.read(RecordFile.of(file.get()), encoder, options.data().skipBadRecords());
    requireFit(encoded.longest(), config, virtualTokens);
    return Optional.of(encoded.examples());
  }

  /** Rows of several examples, or of similar ones, are put together before the first step. */
  private static void requireArrangement(TrainingOptions.Data data, Arrangement arrangement) {
    boolean weighted = data.files().stream().anyMatch(file -> file.weight().isPresent());
    if (arrangement != Arrangement.IN_ORDER && data.shuffleBuffer().isPresent()) {
      throw new IllegalArgumentException(
          "--packing and --group-by-length need all examples in memory; leave out --streaming");
    }
    if (arrangement == Arrangement.PACKED && weighted) {
      throw new IllegalArgumentException(
          "--packing fills rows with every example once in each epoch; give --data without weights");
    }
  }

  private static List<OptionalDouble> weights(TrainingOptions.Data data) {
    return data.files().stream().map(DataFile::weight).toList();
  }

  /** Micro batches to train on. */
  PrefetchedBatches batches() {
    return batches;
  }

  /** How examples are put into them. */
  BatchConfig batch() {
    return batch;
  }

  /** Examples that are not trained on. */
  List<Example> validation() {
    return examples.validation();
  }

  /** Micro batches of an epoch, if that is known. */
  OptionalLong perEpoch() {
    return examples.perEpoch();
  }

  /** How many examples there are, for the log. */
  String description() {
    return examples.description();
  }

  /** Puts into {@code hasher} what decides which examples are trained on. */
  void identify(Hasher hasher) throws IOException {
    for (Example example : Iterables.concat(examples.training(), examples.validation())) {
      hasher.putInt(example.length());
      for (int id : example.inputIds()) {
        hasher.putInt(id);
      }
      for (int label : example.labels()) {
        hasher.putInt(label);
      }
    }
    if (options.files().stream().anyMatch(file -> file.weight().isPresent())) {
      hasher.putString(weights(options).toString(), StandardCharsets.UTF_8);
    }
    if (options.shuffleBuffer().isPresent()) {
      hasher.putString(
          List.of(
                  options.template(),
                  options.chatTemplate(),
                  options.trainOnInputs(),
                  options.valSetSize(),
                  options.skipBadRecords(),
                  options.shuffleBuffer())
              .toString(),
          StandardCharsets.UTF_8);
      if (options.chatTemplate().isPresent()
          && Files.isRegularFile(Path.of(options.chatTemplate().get()))) {
        hasher.putBytes(Files.readAllBytes(Path.of(options.chatTemplate().get())));
      }
      for (DataFile file : options.files()) {
        hasher.putLong(Files.size(file.file()));
        try (InputStream bytes = Files.newInputStream(file.file())) {
          hasher.putBytes(bytes.readNBytes(IDENTIFYING_BYTES));
        }
      }
    }
  }

  /** Beyond its last learned position a model has nothing to look up. */
  private static void requireFit(int longest, ModelConfig config, int virtualTokens) {
    int most = config.sizes().maxPositionEmbeddings() - virtualTokens;
    if (Architecture.of(config.modelType()).spec().positions() == PositionEncoding.LEARNED
        && longest > most) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "examples have up to %d tokens, but the model has %d positions%s; set --cutoff-len to"
                  + " %d or less",
              longest,
              config.sizes().maxPositionEmbeddings(),
              virtualTokens > 0 ? ", " + virtualTokens + " of them for virtual tokens" : "",
              most));
    }
  }

  /**
   * A model whose rotary positions stretch with the length of a row would see a document otherwise
   * than alone.
   */
  private static void requirePackable(ModelConfig config, int rowLength, int virtualTokens) {
    boolean stretches =
        config.rope().map(RopeConfig::scaling).orElse(null) instanceof RopeScaling.Dynamic;
    int most = config.sizes().maxPositionEmbeddings() - virtualTokens;
    if (stretches && rowLength > most) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "--packing makes rows of %d tokens, but with dynamic RoPE scaling positions change in"
                  + " rows of more than %d; set --cutoff-len and --buckets to %d or less",
              rowLength,
              most,
              most));
    }
  }

  /**
   * The id that ends an example: the model's, else the tokenizer's. Pre-tokenized examples are
   * never ended by us.
   */
  private static int eos(ModelConfig config, ModelText text) {
    List<Integer> eos = config.tokenIds().eos();
    return eos.isEmpty()
        ? text.eosId()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "neither config.json nor the tokenizer names an eos_token_id"))
        : eos.get(0);
  }

  @Override
  public void close() throws IOException {
    batches.close();
    text.close();
  }
}
