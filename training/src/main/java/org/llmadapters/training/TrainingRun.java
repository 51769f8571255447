package org.llmadapters.training;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.ModelAssets;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.conversion.tokenizer.Tokenizers;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.training.data.BatchConfig;
import org.llmadapters.training.data.Batches;
import org.llmadapters.training.data.Buckets;
import org.llmadapters.training.data.EncodedExamples;
import org.llmadapters.training.data.Encoder;
import org.llmadapters.training.data.Example;
import org.llmadapters.training.data.ExampleEncoder;
import org.llmadapters.training.data.TrainValidationSplit;
import org.llmadapters.training.data.TrainingFile;
import org.llmadapters.training.data.TrainingRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A training run from options to files. Its folder holds:
 *
 * <pre>
 *   metrics.jsonl                                    one line per step
 *   checkpoint-N/                                    what --resume goes on from
 *   adapter_config.json, adapter_model.safetensors   the adapter, for PEFT and for --adapter
 *   config.json, model.safetensors, ...              instead of these, after full training
 * </pre>
 */
public final class TrainingRun {
  private static final Logger log = LoggerFactory.getLogger(TrainingRun.class);

  /** Updates below which compiling costs more than it saves. */
  private static final long WORTH_COMPILING = 60;

  private TrainingRun() {}

  /**
   * How a run went.
   *
   * @param steps updates done
   * @param finished false after an interruption; resume to go on
   * @param loss of the last step
   * @param evalLoss on the validation data, if there is any
   * @param tokensPerSecond real tokens, compiling included
   * @param trainableParameters number of trained values
   * @param totalParameters of the model with its adapter
   */
  public record Summary(
      long steps,
      boolean finished,
      double loss,
      OptionalDouble evalLoss,
      double tokensPerSecond,
      long trainableParameters,
      long totalParameters) {}

  /**
   * Runs the training that {@code options} describe.
   *
   * @throws IllegalArgumentException for options that do not go together
   * @throws FormatException for files that are not what they should be
   */
  public static Summary run(TrainingOptions options) throws IOException {
    return run(options, RunFile.none());
  }

  static Summary run(TrainingOptions options, RunFile runFile) throws IOException {
    Path output = options.output().directory();
    check(output, options.output());
    try (Trainee trainee = open(options)) {
      ModelConfig config = config(options);
      EncodedExamples encoded = examples(options, config);
      requireFit(encoded.examples(), config, Sites.virtualTokens(trainee.training().graph()));
      TrainValidationSplit split =
          TrainValidationSplit.of(
              encoded.examples(), options.data().valSetSize(), options.loop().seed());
      TrainingConfig training = training(options, config, split.training());
      long trainable = trainee.variables().stream().mapToLong(Weight::elements).sum();
      log.info(
          "trainable parameters {} of {} ({}); {} examples, {} truncated, {} dropped; {} steps of {} examples",
          trainable,
          trainee.totalParameters(),
          percent(trainable, trainee.totalParameters()),
          split.training().size(),
          encoded.truncated(),
          encoded.dropped(),
          training.totalSteps(),
          options.loop().batchSize());
      Files.createDirectories(output);
      if (options.output().overwrite() && !options.output().resume() && RunFolder.isUsed(output)) {
        RunFolder.clear(output);
      }
      if (!options.output().resume() || !Files.exists(output.resolve(RunFile.NAME))) {
        runFile.write(output);
      }
      Trainer trainer =
          new Trainer(
              trainee,
              training,
              split.training(),
              split.validation(),
              output,
              fingerprint(options, training, split.training()));
      Trainer.Result result = trainer.train(options.output().resume());
      Summary summary =
          new Summary(
              result.steps(),
              result.finished(),
              result.loss(),
              result.evalLoss(),
              result.tokensPerSecond(),
              trainable,
              trainee.totalParameters());
      if (result.finished()) {
        trainee.save(output);
        RunSummary.write(output, summary);
      }
      log.info("{} shapes compiled", result.compiledShapes());
      return summary;
    }
  }

  private static String percent(long part, long whole) {
    return String.format(Locale.ROOT, "%.3f %%", 100.0 * part / whole);
  }

  /**
   * A folder with files in it is used again only to resume or in place of an earlier run, which is
   * deleted only when everything else has been read.
   */
  private static void check(Path output, TrainingOptions.Output options) throws IOException {
    if (Files.exists(output) && !Files.isDirectory(output)) {
      throw new IllegalArgumentException(output + ": is a file, expected a folder for the run");
    }
    if (options.resume() || !RunFolder.isUsed(output)) {
      return;
    }
    if (!options.overwrite()) {
      throw new IllegalArgumentException(
          output
              + ": exists and is not empty; give --resume to go on, --overwrite to replace an earlier run, or another --output");
    }
    RunFolder.requireRun(output);
  }

  private static Trainee open(TrainingOptions options) throws IOException {
    TrainingOptions.Model model = options.model();
    SessionOptions session = SessionOptions.forThisMachine();
    FactorRates rates = options.optimizer().rates();
    if (model.adapter().isEmpty()) {
      rates.requireFactors("--adapter full", List.of());
    }
    if (model.randomInit()) {
      return FullTrainee.random(model.directory(), options.loop().seed(), session);
    }
    BaseModel base = BaseModel.open(model.directory());
    Optional<AdapterConfig> adapter = model.adapter();
    if (adapter.isEmpty()) {
      return FullTrainee.of(base, session);
    }
    if (model.initialAdapter().isEmpty()) {
      return AdapterTrainee.open(base, adapter.get(), null, rates, options.loop().seed(), session);
    }
    try (PeftAdapter initial = PeftAdapter.read(model.initialAdapter().get())) {
      return AdapterTrainee.open(
          base, initial.config(), initial, rates, options.loop().seed(), session);
    }
  }

  /** The folder with config.json and tokenizer of a model that {@link #open} has already opened. */
  private static Path assets(TrainingOptions options) {
    TrainingOptions.Model model = options.model();
    return model.randomInit()
        ? model.directory()
        : model.directory().resolve(ModelAssets.DIRECTORY);
  }

  private static ModelConfig config(TrainingOptions options) throws IOException {
    return HfConfig.read(assets(options)).model();
  }

  private static EncodedExamples examples(TrainingOptions options, ModelConfig config)
      throws IOException {
    TrainingFile file = TrainingFile.read(options.data().file());
    boolean text = file.records().stream().anyMatch(TrainingRecord.Alpaca.class::isInstance);
    try (Tokenizer tokenizer = text ? requireTokenizer(assets(options)) : null) {
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
  private static void requireFit(List<Example> examples, ModelConfig config, int virtualTokens) {
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

  private static TrainingConfig training(
      TrainingOptions options, ModelConfig config, List<Example> examples) {
    TrainingOptions.Loop loop = options.loop();
    BatchConfig batch =
        new BatchConfig(
            loop.microBatchSize(),
            Buckets.upTo(options.data().cutoffLen()),
            config.tokenIds().padding(),
            loop.shuffle(),
            loop.seed());
    int accumulation = loop.batchSize() / loop.microBatchSize();
    long perEpoch = new Batches(examples, batch).perEpoch();
    long steps =
        loop.maxSteps() > 0
            ? loop.maxSteps()
            : (perEpoch * loop.numEpochs() + accumulation - 1) / accumulation;
    TrainingOptions.Schedule schedule = options.schedule();
    return new TrainingConfig(
        batch,
        accumulation,
        steps,
        options.optimizer(),
        new LearningRateSchedule(
            schedule.kind(), schedule.learningRate(), schedule.warmupSteps(), steps),
        new ReplicatedFunction.Execution(
            replicas(loop.microBatchSize()), xla(options, steps), options.memory()),
        options.output().saving());
  }

  /** As many equal parts of a micro batch as there are cores, or fewer. */
  private static int replicas(int microBatchSize) {
    int replicas = Math.min(SessionOptions.forThisMachine().replicas(), microBatchSize);
    while (microBatchSize % replicas != 0) {
      replicas--;
    }
    return replicas;
  }

  private static boolean xla(TrainingOptions options, long steps) {
    return switch (options.compile()) {
      case ON -> true;
      case OFF -> false;
      case AUTO -> steps >= WORTH_COMPILING;
    };
  }

  /**
   * Identifies what decides the course of a run, so that a checkpoint of another one is not resumed
   * by mistake.
   */
  private static String fingerprint(
      TrainingOptions options, TrainingConfig training, List<Example> examples) throws IOException {
    Hasher hasher = Hashing.sha256().newHasher();
    // The index holds a checksum of every weight.
    Path weights = options.model().directory().resolve("variables").resolve("variables.index");
    if (Files.isRegularFile(weights)) {
      hasher.putBytes(Files.readAllBytes(weights));
    }
    hasher.putString(
        List.of(
                options.model().adapter(),
                training.batch(),
                training.accumulation(),
                training.totalSteps(),
                training.optimizer(),
                training.schedule())
            .toString(),
        StandardCharsets.UTF_8);
    for (Example example : examples) {
      hasher.putInt(example.length());
      for (int id : example.inputIds()) {
        hasher.putInt(id);
      }
      for (int label : example.labels()) {
        hasher.putInt(label);
      }
    }
    return hasher.hash().toString().substring(0, 16);
  }
}
