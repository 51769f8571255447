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
import java.util.OptionalLong;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.OpDeterminism;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.training.optimizer.FactorRates;
import org.llmadapters.training.report.RunReport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A training run from options to files. Its folder holds:
 *
 * <pre>
 *   run.json                                         the options, for --config
 *   about.json                                       parameters, data, versions, machine
 *   metrics.jsonl                                    one line per step
 *   tensorboard/                                     the same for TensorBoard
 *   checkpoint-N/                                    what --resume goes on from
 *   summary.json                                     how it ended
 *   report.html, curves/                             all of this for people
 *   adapter_config.json, adapter_model.safetensors   the adapter, for PEFT and for --adapter
 *   config.json, model.safetensors, ...              instead of these, after full training
 * </pre>
 */
public final class TrainingRun {
  private static final Logger log = LoggerFactory.getLogger(TrainingRun.class);

  private TrainingRun() {}

  /**
   * How a run went.
   *
   * @param steps updates done
   * @param ending why it ended
   * @param loss of the last step
   * @param evalLoss on the validation data at the end, if there is any
   * @param best the evaluation with the lowest loss, if there was one
   * @param tokensPerSecond real tokens, compiling included
   * @param dataFraction of the time spent waiting for data, 0..1
   * @param trainableParameters number of trained values
   * @param totalParameters of the model with its adapter
   * @param skippedSteps steps left out because their gradients overflowed, if the loss scale is
   *     dynamic
   */
  public record Summary(
      long steps,
      Ending ending,
      double loss,
      OptionalDouble evalLoss,
      Optional<BestEvaluation> best,
      double tokensPerSecond,
      double dataFraction,
      long trainableParameters,
      long totalParameters,
      OptionalLong skippedSteps) {

    /** Whether the result is there; false after an interruption: resume to go on. */
    public boolean finished() {
      return ending != Ending.INTERRUPTED;
    }
  }

  /**
   * Runs the training that {@code options} describe.
   *
   * @throws IllegalArgumentException for options that do not go together
   * @throws FormatException for files that are not what they should be
   */
  public static Summary run(TrainingOptions options) throws IOException {
    return run(options, SessionOptions.forThisMachine());
  }

  /** The same on the device of {@code session}. */
  public static Summary run(TrainingOptions options, SessionOptions session) throws IOException {
    try (StopRequest stop = StopRequest.onExit()) {
      return run(options, session, RunFile.none(), stop);
    }
  }

  /**
   * The same.
   *
   * @param session the sessions of the run
   * @param runFile what is written to {@code run.json}
   * @param stop ends the run after a step, with its state saved
   */
  public static Summary run(
      TrainingOptions options, SessionOptions session, RunFile runFile, StopRequest stop)
      throws IOException {
    RunDevice device = new RunDevice(session);
    Path output = options.output().directory();
    check(output, options.output());
    if (options.loop().deterministic()) {
      OpDeterminism.set(true);
    }
    try (Trainee trainee = open(options, session);
        RunData data =
            RunData.open(
                options, config(options), Sites.virtualTokens(trainee.training().graph()))) {
      options.optimizer().rates().requireMatches(trainee.variables());
      TrainingConfig training = training(options, device, data, trainee.dtype());
      long trainable = trainee.variables().stream().mapToLong(Weight::elements).sum();
      log.info(
          "trainable parameters {} of {} ({}); {}; {} steps of {} rows",
          trainable,
          trainee.totalParameters(),
          percent(trainable, trainee.totalParameters()),
          data.description(),
          training.totalSteps(),
          options.loop().batchSize());
      Files.createDirectories(output);
      if (options.output().overwrite() && !options.output().goesOn() && RunFolder.isUsed(output)) {
        RunFolder.clear(output);
      }
      Trainer trainer =
          new Trainer(
              trainee,
              training,
              data.batches(),
              data.validation(),
              options.output(),
              fingerprint(options, device, training, data),
              stop);
      if (!trainer.restore() || !Files.exists(output.resolve(RunFile.NAME))) {
        runFile.write(output);
      }
      Files.deleteIfExists(output.resolve(RunSummary.NAME));
      if (options.output().goesOn()) {
        device.change(output).ifPresent(log::warn);
      }
      AboutRun.write(output, trainee, data, session.device());
      Trainer.Result result = train(trainer, output);
      Summary summary =
          new Summary(
              result.steps(),
              result.ending(),
              result.loss(),
              result.evalLoss(),
              result.best(),
              result.tokensPerSecond(),
              result.dataFraction(),
              trainable,
              trainee.totalParameters(),
              result.skippedSteps());
      write(summary, trainee, output);
      log.info(
          "{} shapes compiled; waited {} s for data",
          result.compiledShapes(),
          String.format(Locale.ROOT, "%.1f", data.batches().waitedSeconds()));
      return summary;
    }
  }

  private static void write(Summary summary, Trainee trainee, Path output) throws IOException {
    try {
      if (summary.finished()) {
        trainee.save(output);
      }
      RunSummary.write(output, summary);
      RunReport.write(output);
    } catch (IOException e) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "%s: writing the result failed: %s. checkpoint-%d has all of it; make room and give"
                  + " --resume",
              output,
              e.getMessage(),
              summary.steps()),
          e);
    }
  }

  /** Trains; a run that fails gets its report, too. */
  private static Trainer.Result train(Trainer trainer, Path output) throws IOException {
    try {
      return trainer.train();
    } catch (IOException | IllegalStateException failure) {
      try {
        RunSummary.writeFailure(output, String.valueOf(failure.getMessage()));
        RunReport.write(output);
      } catch (IOException | FormatException e) {
        failure.addSuppressed(e);
      }
      throw failure;
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
    if (options.goesOn()) {
      RunFolder.deletePartial(output);
    }
    if (!RunFolder.isUsed(output)) {
      return;
    }
    if (options.goesOn()) {
      RunFolder.requireCheckpointOrRun(output);
      return;
    }
    if (!options.overwrite()) {
      throw new IllegalArgumentException(
          output
              + ": exists and is not empty; give --resume to go on, --overwrite to replace an earlier run, or another --output");
    }
    RunFolder.requireRun(output);
  }

  private static Trainee open(TrainingOptions options, SessionOptions session) throws IOException {
    TrainingOptions.Model model = options.model();
    FactorRates rates = options.optimizer().rates().factors();
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

  private static ModelConfig config(TrainingOptions options) throws IOException {
    return HfConfig.read(options.model().assets()).model();
  }

  private static TrainingConfig training(
      TrainingOptions options, RunDevice device, RunData data, WeightDtype dtype) {
    TrainingOptions.Loop loop = options.loop();
    int accumulation = loop.batchSize() / loop.microBatchSize();
    long steps =
        loop.maxSteps() > 0
            ? loop.maxSteps()
            : (data.perEpoch().orElseThrow() * loop.numEpochs() + accumulation - 1) / accumulation;
    return new TrainingConfig(
        data.batch(),
        accumulation,
        steps,
        options.optimizer(),
        options.schedule().over(steps),
        device.execution(options, steps),
        options.lossScaling().resolved(dtype));
  }

  /**
   * Identifies what decides the course of a run, so that a checkpoint of another one is not resumed
   * by mistake.
   */
  private static String fingerprint(
      TrainingOptions options, RunDevice device, TrainingConfig training, RunData data)
      throws IOException {
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
                training.schedule(),
                training.lossScaling())
            .toString(),
        StandardCharsets.UTF_8);
    data.identify(hasher);
    String fingerprint = hasher.hash().toString().substring(0, 16);
    return options.loop().deterministic()
        ? fingerprint + " " + device.identity(training.execution())
        : fingerprint;
  }
}
