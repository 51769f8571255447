package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.conversion.tokenizer.Tokenizers;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.training.data.EncodedExamples;
import org.llmadapters.training.data.Encoder;
import org.llmadapters.training.data.Example;
import org.llmadapters.training.data.ExampleEncoder;
import org.llmadapters.training.data.TrainingFile;
import org.llmadapters.training.data.TrainingRecord;

/**
 * The data of a run: read, made into tokens with the model's tokenizer, and checked against the
 * model.
 */
final class RunData {
  private RunData() {}

  /**
   * The examples of the data that {@code options} name.
   *
   * @throws FormatException if they are malformed, or text data meets a model without a tokenizer
   */
  static EncodedExamples read(TrainingOptions options, ModelConfig config) throws IOException {
    TrainingFile file = TrainingFile.read(options.data().file());
    boolean text = file.records().stream().anyMatch(TrainingRecord.Alpaca.class::isInstance);
    try (Tokenizer tokenizer = text ? requireTokenizer(options.model().assets()) : null) {
      ExampleEncoder encoder =
          new ExampleEncoder(
              encoder(tokenizer),
              eos(config, tokenizer),
              config.sizes().vocabSize(),
              options.data().template(),
              options.data().cutoffLen(),
              options.data().trainOnInputs());
      return encoder.encode(file);
    }
  }

  /** Beyond its last learned position a model has nothing to look up. */
  static void requireFit(List<Example> examples, ModelConfig config, int virtualTokens) {
    int longest = examples.stream().mapToInt(Example::length).max().orElse(0);
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
  static void requirePackable(ModelConfig config, int rowLength, int virtualTokens) {
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

  private static Tokenizer requireTokenizer(Path assets) throws IOException {
    return Tokenizers.load(assets)
        .orElseThrow(
            () ->
                new FormatException(
                    assets,
                    "no tokenizer, which text data needs; add tokenizer.json or tokenizer.model to the checkpoint and convert"
                        + " again, or train on pre-tokenized data"));
  }

  private static Encoder encoder(@Nullable Tokenizer tokenizer) {
    if (tokenizer == null) {
      return text -> {
        throw new IllegalStateException("pre-tokenized data needs no tokenizer");
      };
    }
    return text -> tokenizer.encode(text, true);
  }

  /**
   * The id that ends an example: the model's, else the tokenizer's. Pre-tokenized examples are
   * never ended by us.
   */
  private static int eos(ModelConfig config, @Nullable Tokenizer tokenizer) {
    List<Integer> eos = config.tokenIds().eos();
    if (!eos.isEmpty()) {
      return eos.get(0);
    }
    OptionalInt own = tokenizer == null ? OptionalInt.of(0) : tokenizer.eosId();
    return own.orElseThrow(
        () ->
            new IllegalArgumentException(
                "neither config.json nor the tokenizer names an eos_token_id"));
  }
}
