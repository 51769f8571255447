package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.training.data.Batch;
import org.llmadapters.training.data.BatchSource;
import org.llmadapters.training.data.Batches;
import org.llmadapters.training.data.Example;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The training loop: batches in, metrics and checkpoints out.
 *
 * <p>Everything random follows from the seed and the number of the micro batch, so a run that is
 * stopped at any moment and resumed has the same losses as one that was not.
 */
final class Trainer {
  private static final Logger log = LoggerFactory.getLogger(Trainer.class);

  private final Trainee trainee;
  private final TrainingConfig config;
  private final BatchSource batches;
  private final List<Batch> validation;
  private final Checkpoints checkpoints;
  private final Path metricsFile;
  private final TrainingStep step;
  private final LossFunction lossFunction;
  private volatile boolean stopRequested;

  /**
   * A run of {@code config} over {@code batches}.
   *
   * @param validation examples whose loss is reported and that are not trained on; may be empty
   * @param output folder of the run
   * @param run fingerprint of the run, stored in its checkpoints
   */
  Trainer(
      Trainee trainee,
      TrainingConfig config,
      BatchSource batches,
      List<Example> validation,
      Path output,
      String run) {
    this.trainee = trainee;
    this.config = config;
    this.batches = batches;
    this.validation =
        validation.isEmpty()
            ? List.of()
            : new Batches(validation, config.batch().unshuffled()).epoch();
    this.checkpoints = new Checkpoints(output, run, config.saving().saveTotalLimit());
    this.metricsFile = output.resolve("metrics.jsonl");
    this.step =
        new TrainingStep(
            trainee.session(), trainee.training(), config.optimizer(), config.execution());
    this.lossFunction =
        new LossFunction(trainee.session(), trainee.inference(), config.execution());
  }

  /**
   * How a run went.
   *
   * @param steps updates done, those before a resumption included
   * @param finished whether that is all of them; false after an interruption
   * @param loss of the last step
   * @param evalLoss on the validation data at the end
   * @param tokensPerSecond real tokens, compilation and evaluation included
   * @param compiledShapes shapes of batches, each compiled once
   */
  record Result(
      long steps,
      boolean finished,
      double loss,
      OptionalDouble evalLoss,
      double tokensPerSecond,
      int compiledShapes) {}

  /**
   * Trains to the end, or until the process is asked to stop; then the state is saved first.
   *
   * @param resume whether to go on from the newest checkpoint, if there is one
   * @throws IllegalStateException if the loss is not a number any more; the last checkpoint is
   *     untouched
   */
  Result train(boolean resume) throws IOException {
    OptionalLong latest = resume ? checkpoints.latest() : OptionalLong.empty();
    long start = latest.orElse(0);
    if (latest.isPresent()) {
      checkpoints.restore(start, trainee);
      log.info("resuming after step {} of {}", start, config.totalSteps());
    }
    CountDownLatch finished = new CountDownLatch(1);
    Thread onExit = new Thread(() -> stop(finished), "save before exit");
    Runtime.getRuntime().addShutdownHook(onExit);
    try (MetricsWriter metrics =
            latest.isPresent()
                ? MetricsWriter.resume(metricsFile, start)
                : MetricsWriter.create(metricsFile);
        Progress progress = Progress.start("training", config.totalSteps() - start, "steps")) {
      return loop(start, metrics, progress);
    } finally {
      finished.countDown();
      removeHook(onExit);
    }
  }

  private Result loop(long start, MetricsWriter metrics, Progress progress) throws IOException {
    long startNanos = System.nanoTime();
    long tokens = 0;
    double loss = Double.NaN;
    OptionalDouble evalLoss = OptionalDouble.empty();
    long done = start;
    while (done < config.totalSteps() && !stopRequested) {
      long stepNanos = System.nanoTime();
      UpdateRate rate = new UpdateRate(done + 1, config.schedule().at(done));
      long before = tokens;
      StepOutcome outcome = null;
      for (int micro = 0; micro < config.accumulation(); micro++) {
        long position = done * config.accumulation() + micro;
        Batch batch = batches.at(position);
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
      done++;
      loss = outcome.loss();
      requireFinite(outcome, done);
      double epoch = batches.epochs(done * config.accumulation());
      double speed = (tokens - before) / seconds(stepNanos);
      metrics.write(
          new StepMetrics(
              done, epoch, loss, rate.learningRate(), outcome.gradNorm(), outcome.tokens(), speed));
      progress.detail(
          String.format(
              Locale.ROOT,
              "loss=%.4f learning_rate=%.2e tokens_per_second=%.0f",
              loss,
              rate.learningRate(),
              speed));
      progress.advance(1);
      boolean last = done == config.totalSteps();
      if (!validation.isEmpty() && (last || done % config.saving().evalSteps() == 0)) {
        evalLoss = OptionalDouble.of(validationLoss());
        metrics.writeEvalLoss(done, epoch, evalLoss.getAsDouble());
        log.info("step={} eval_loss={}", done, evalLoss.getAsDouble());
      }
      if (last || stopRequested || done % config.saving().saveSteps() == 0) {
        checkpoints.save(done, trainee);
      }
    }
    return new Result(
        done,
        done == config.totalSteps(),
        loss,
        evalLoss,
        tokens / seconds(startNanos),
        step.shapes());
  }

  private double validationLoss() {
    LossFunction.Sum sum = new LossFunction.Sum(0, 0);
    for (Batch batch : validation) {
      try (TokenBatch tensors =
          TokenBatch.of(batch.inputIds(), batch.attentionMask(), batch.labels(), 0)) {
        sum = sum.plus(lossFunction.of(tensors));
      }
    }
    return sum.mean();
  }

  private static void requireFinite(StepOutcome outcome, long step) {
    if (!Double.isFinite(outcome.loss()) || !Double.isFinite(outcome.gradNorm())) {
      throw new IllegalStateException(
          "step "
              + step
              + ": loss "
              + outcome.loss()
              + ", gradient norm "
              + outcome.gradNorm()
              + "; the last checkpoint is untouched. Lower --learning-rate, or add --warmup-steps");
    }
  }

  private long seed(long position) {
    return new SplittableRandom(config.batch().seed() ^ (position + 1) * 0x9E3779B97F4A7C15L)
        .nextLong();
  }

  private static double seconds(long sinceNanos) {
    return Math.max(System.nanoTime() - sinceNanos, 1) / 1e9;
  }

  /** Called when the process is told to end: lets the loop finish its step and save. */
  private void stop(CountDownLatch finished) {
    stopRequested = true;
    try {
      if (!finished.await(60, TimeUnit.SECONDS)) {
        log.warn("the current step did not end in 60 s; the last checkpoint remains");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      log.debug("the process is ending", e);
    }
  }
}
