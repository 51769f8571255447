package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.data.Batch;
import org.llmadapters.training.data.BatchSource;
import org.llmadapters.training.data.Example;
import org.llmadapters.training.metrics.EvalMetrics;
import org.llmadapters.training.metrics.MetricsHistory;
import org.llmadapters.training.metrics.MetricsWriter;
import org.llmadapters.training.metrics.StepMetrics;
import org.llmadapters.training.step.LossScale;
import org.llmadapters.training.step.StepOutcome;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The training loop: batches in, metrics and checkpoints out.
 *
 * <p>Everything random follows from the seed and the number of the micro batch, so a run that is
 * stopped at any moment and resumed has the same losses as one that was not.
 */
public final class Trainer {
  private static final Logger log = LoggerFactory.getLogger(Trainer.class);

  private final Trainee trainee;
  private final TrainingConfig config;
  private final BatchSource batches;
  private final ValidationLoss validation;
  private final TrainingOptions.Output output;
  private final Checkpoints checkpoints;
  private final LossScale lossScale;
  private final TrainingStep step;
  private final StopRequest stop;
  private long done;
  private long tokens;
  private long waitedNanos;
  private OptionalDouble loss = OptionalDouble.empty();
  private OptionalDouble evalLoss = OptionalDouble.empty();
  private EvalProgress progress = EvalProgress.NONE;

  /**
   * A run of {@code config} over {@code batches}.
   *
   * @param validation examples whose loss is reported and that are not trained on; may be empty
   * @param run fingerprint of the run, stored in its checkpoints
   * @param stop asked after every step
   */
  Trainer(
      Trainee trainee,
      TrainingConfig config,
      BatchSource batches,
      List<Example> validation,
      TrainingOptions.Output output,
      String run,
      StopRequest stop) {
    this.trainee = trainee;
    this.config = config;
    this.batches = batches;
    this.validation = new ValidationLoss(trainee, config, validation);
    this.output = output;
    this.stop = stop;
    this.checkpoints =
        new Checkpoints(
            output.directory(),
            run,
            output.saving().saveTotalLimit(),
            output.watching().loadBestModelAtEnd(),
            config.optimizer().optimizer());
    this.lossScale = new LossScale(trainee.session(), config.lossScaling());
    this.step =
        new TrainingStep(
            trainee.session(),
            config.computation(trainee.training()),
            config.optimizer(),
            config.execution(),
            lossScale);
  }

  /**
   * How a run went.
   *
   * @param steps updates done, those before a resumption included
   * @param ending why it ended
   * @param loss of the last step
   * @param evalLoss on the validation data at the end
   * @param best the evaluation with the lowest loss
   * @param tokensPerSecond real tokens, compilation and evaluation included
   * @param dataFraction of the time spent waiting for batches, 0..1
   * @param compiledShapes shapes of batches, each compiled once
   * @param skippedSteps those left out, if the loss scale is dynamic
   */
  record Result(
      long steps,
      Ending ending,
      double loss,
      OptionalDouble evalLoss,
      Optional<BestEvaluation> best,
      double tokensPerSecond,
      double dataFraction,
      int compiledShapes,
      OptionalLong skippedSteps) {}

  /**
   * Puts the state of the checkpoint to go on from into the trainee.
   *
   * @return whether there is one; else the run starts with its first step
   * @throws IllegalArgumentException if a checkpoint was named that is not there
   * @throws FormatException if the checkpoint is of another run, or a later one of its own was the
   *     last to know where the best one is
   */
  boolean restore() throws IOException {
    Path folder = output.directory();
    OptionalLong from = output.resumeFrom();
    if (from.isEmpty() && output.resume()) {
      from = checkpoints.latest();
      if (from.isEmpty()) {
        log.warn("{}: no checkpoint to go on from; starting with the first step", folder);
      }
    }
    if (from.isEmpty()) {
      return false;
    }
    long start = from.getAsLong();
    if (!checkpoints.has(start)) {
      throw new IllegalArgumentException(
          folder + ": has no checkpoint-" + start + "; it has: " + checkpoints.names());
    }
    progress = checkpoints.restore(start, trainee);
    checkpoints.restore(start, lossScale);
    requireBest(start);
    checkpoints.deleteAfter(start);
    checkpoints.deleteBeyondLimit(progress);
    done = start;
    log.info("resuming after step {} of {}", start, config.totalSteps());
    return true;
  }

  private void requireBest(long start) throws IOException {
    if (output.watching().loadBestModelAtEnd() && progress.best().isPresent()) {
      long best = progress.best().get().step();
      if (!checkpoints.has(best)) {
        throw new FormatException(
            output.directory(),
            "checkpoint-%d was the best one up to checkpoint-%d, and is not there any more; go on"
                + " from a later one, or without --load-best-model-at-end",
            best,
            start);
      }
    }
  }

  /**
   * Trains to the end, or until the process is asked to stop; then the state is saved first.
   *
   * @throws IllegalStateException if the loss is not a number any more, or far too high; the
   *     checkpoints are untouched
   * @throws IOException if something cannot be written; names the checkpoint to go on from
   */
  Result train() throws IOException {
    stop.begin();
    try {
      return run();
    } catch (IOException e) {
      throw new IOException(
          String.format(
              "%s: writing failed after step %d: %s. Whole checkpoints: %s; make room and go on"
                  + " with --resume",
              output.directory(), done, e.getMessage(), checkpoints.names()),
          e);
    }
  }

  private Result run() throws IOException {
    long startNanos = System.nanoTime();
    Ending ending;
    try (TrainingLog trainingLog =
        TrainingLog.open(output.directory(), done, config.totalSteps())) {
      // What lies beyond the step to start from is gone by now.
      MetricsHistory history =
          MetricsHistory.read(
              output.directory().resolve(MetricsWriter.NAME), List.of("loss", "eval_loss"));
      loss = history.of("loss").last();
      evalLoss = history.of("eval_loss").last();
      ending =
          loop(
              trainingLog,
              new DivergenceCheck(output.watching().maxLossRatio(), history.of("loss")));
    }
    double seconds = seconds(startNanos);
    if (ending != Ending.INTERRUPTED) {
      loadBest();
    }
    return new Result(
        done,
        ending,
        loss.orElse(Double.NaN),
        evalLoss,
        progress.best(),
        tokens / seconds,
        waitedNanos / 1e9 / seconds,
        step.shapes(),
        skippedSteps());
  }

  private Ending loop(TrainingLog trainingLog, DivergenceCheck divergence) throws IOException {
    while (!isDone() && !stop.isMade()) {
      long stepNanos = System.nanoTime();
      long dataNanos = 0;
      LossScale.State scaled = lossScale.state();
      UpdateRate rate = rate();
      long before = tokens;
      StepOutcome outcome = null;
      for (int micro = 0; micro < config.accumulation(); micro++) {
        long position = done * config.accumulation() + micro;
        long batchNanos = System.nanoTime();
        Batch batch = batches.at(position);
        dataNanos += System.nanoTime() - batchNanos;
        tokens += batch.realTokens();
        try (TokenBatch tensors =
            TokenBatch.of(
                batch.inputIds(), batch.attentionMask(), batch.labels(), seed(position))) {
          if (config.accumulation() == 1) {
            outcome = step.step(tensors, rate);
          } else {
            step.accumulate(tensors);
          }
        }
      }
      if (outcome == null) {
        outcome = step.applyAccumulated(rate);
      }
      waitedNanos += dataNanos;
      done++;
      loss = OptionalDouble.of(outcome.loss());
      double seconds = seconds(stepNanos);
      trainingLog.write(
          new StepMetrics(
              done,
              epoch(),
              outcome.loss(),
              rate.learningRate(),
              outcome.gradNorm(),
              outcome.tokens(),
              lossScale.isOn() ? OptionalDouble.of(scaled.scale()) : OptionalDouble.empty(),
              new StepMetrics.Cost(
                  (tokens - before) / seconds,
                  dataNanos / 1e9 / seconds,
                  ProcessStatus.mebibytes("VmRSS"))));
      if (lossScale.state().skipped() > scaled.skipped()) {
        divergence.skip(outcome);
        lossScale.requireEnough(done);
      } else {
        divergence.require(outcome, done);
      }
      boolean best = isEvaluated() && evaluate(trainingLog);
      if (isDone()
          || stop.isMade()
          || done % output.saving().saveSteps() == 0
          || (best && output.watching().loadBestModelAtEnd())) {
        checkpoints.save(done, trainee, progress, lossScale);
      }
    }
    if (done == config.totalSteps()) {
      return Ending.FINISHED;
    }
    return isDone() ? Ending.STOPPED_EARLY : Ending.INTERRUPTED;
  }

  /**
   * Of the next update: as in transformers' Trainer, a step left out is a step of the run, but
   * neither of the schedule nor of the optimizer.
   */
  private UpdateRate rate() {
    long updates = done - lossScale.state().skipped();
    return new UpdateRate(updates + 1, config.schedule().at(updates));
  }

  private OptionalLong skippedSteps() {
    return lossScale.isDynamic()
        ? OptionalLong.of(lossScale.state().skipped())
        : OptionalLong.empty();
  }

  /** Whether there is nothing left to do. */
  private boolean isDone() {
    int patience = output.watching().earlyStoppingPatience();
    return done == config.totalSteps()
        || (patience > 0 && progress.withoutImprovement() >= patience);
  }

  private boolean isEvaluated() {
    return !validation.isEmpty()
        && (done == config.totalSteps() || done % output.watching().evalSteps() == 0);
  }

  /** Whether the loss on the validation data is the lowest so far. */
  private boolean evaluate(TrainingLog trainingLog) throws IOException {
    double now = validation.now();
    evalLoss = OptionalDouble.of(now);
    trainingLog.write(new EvalMetrics(done, epoch(), now));
    progress = progress.after(done, now, output.watching().earlyStoppingThreshold());
    return progress.isBest(done);
  }

  private void loadBest() throws IOException {
    if (output.watching().loadBestModelAtEnd() && progress.best().isPresent()) {
      BestEvaluation best = progress.best().get();
      if (best.step() != done) {
        checkpoints.restore(best.step(), trainee);
      }
      log.info("the result is that of step {}, eval_loss={}", best.step(), best.evalLoss());
    }
  }

  private double epoch() {
    return batches.epochs(done * config.accumulation());
  }

  private long seed(long position) {
    return new SplittableRandom(config.batch().seed() ^ (position + 1) * 0x9E3779B97F4A7C15L)
        .nextLong();
  }

  private static double seconds(long sinceNanos) {
    return Math.max(System.nanoTime() - sinceNanos, 1) / 1e9;
  }
}
