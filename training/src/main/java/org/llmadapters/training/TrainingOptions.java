package org.llmadapters.training;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.conversion.ModelAssets;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.training.data.Arrangement;
import org.llmadapters.training.data.Buckets;
import org.llmadapters.training.optimizer.LearningRateSchedule;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.LossScaling;
import org.llmadapters.training.step.StepMemory;

/**
 * A training run as its user asks for it.
 *
 * @param model what is trained
 * @param data what it is trained on
 * @param loop batches and steps
 * @param optimizer the update
 * @param schedule the learning rate
 * @param output where everything goes, and how the run is watched
 * @param compile whether XLA compiles the step
 * @param memory what takes less memory
 * @param lossScaling by what the loss is multiplied before it is differentiated
 */
public record TrainingOptions(
    Model model,
    Data data,
    Loop loop,
    OptimizerConfig optimizer,
    Schedule schedule,
    Output output,
    Compile compile,
    StepMemory memory,
    LossScaling lossScaling) {

  /** Training that takes the memory it needs to be fast, with a loss scale where it is needed. */
  public TrainingOptions(
      Model model,
      Data data,
      Loop loop,
      OptimizerConfig optimizer,
      Schedule schedule,
      Output output,
      Compile compile) {
    this(
        model,
        data,
        loop,
        optimizer,
        schedule,
        output,
        compile,
        StepMemory.defaults(),
        LossScaling.AUTO);
  }

  public TrainingOptions {
    Watching watching = output.watching();
    if (watching.validationFile().isPresent() && data.valSetSize() > 0) {
      throw new IllegalArgumentException(
          "--val-data and --val-set-size are two ways to name validation data; give one of them");
    }
    if (watching.validationFile().isEmpty()
        && data.valSetSize() == 0
        && (watching.loadBestModelAtEnd() || watching.earlyStoppingPatience() > 0)) {
      throw new IllegalArgumentException(
          "--early-stopping-patience and --load-best-model-at-end go by the loss on validation"
              + " data, and there is none; give --val-set-size or --val-data");
    }
  }

  /**
   * What is trained.
   *
   * @param directory a base SavedModel; with {@code randomInit} a folder with {@code config.json}
   *     and tokenizer
   * @param randomInit start from random weights; only for full training
   * @param adapter what to train; empty trains all weights
   * @param initialAdapter a PEFT directory whose values to start from
   */
  public record Model(
      Path directory,
      boolean randomInit,
      Optional<AdapterConfig> adapter,
      Optional<Path> initialAdapter) {
    public Model {
      if (randomInit && adapter.isPresent()) {
        throw new IllegalArgumentException(
            "--random-init is for --adapter full: an adapter on random weights learns nothing");
      }
      if (initialAdapter.isPresent() && adapter.isEmpty()) {
        throw new IllegalArgumentException("--init-adapter needs an adapter, not --adapter full");
      }
    }

    /** The folder with {@code config.json} and tokenizer. */
    Path assets() {
      return randomInit ? directory : directory.resolve(ModelAssets.DIRECTORY);
    }
  }

  /**
   * What it is trained on.
   *
   * @param files one or more
   * @param template makes a text of an instruction
   * @param chatTemplate {@code chatml} or a Jinja file, in place of the model's chat template
   * @param cutoffLen {@code cutoff_len}: longest example in tokens
   * @param trainOnInputs {@code train_on_inputs}: whether the prompt is predicted too
   * @param valSetSize {@code val_set_size}: records set aside for the evaluation loss
   * @param skipBadRecords whether bad records are left out, instead of being an error
   * @param shuffleBuffer examples in memory to draw from if the data is streamed; else empty
   */
  public record Data(
      List<DataFile> files,
      PromptTemplate template,
      Optional<String> chatTemplate,
      int cutoffLen,
      boolean trainOnInputs,
      int valSetSize,
      boolean skipBadRecords,
      OptionalInt shuffleBuffer) {
    public Data {
      files = List.copyOf(files);
      if (files.isEmpty()) {
        throw new IllegalArgumentException("there must be training data, got none");
      }
    }

    /** One file, read as a whole; a bad record is an error. */
    public Data(
        Path file, PromptTemplate template, int cutoffLen, boolean trainOnInputs, int valSetSize) {
      this(
          List.of(new DataFile(file, OptionalDouble.empty())),
          template,
          Optional.empty(),
          cutoffLen,
          trainOnInputs,
          valSetSize,
          false,
          OptionalInt.empty());
    }
  }

  /**
   * Batches and steps.
   *
   * @param batchSize {@code batch_size}: rows per update
   * @param microBatchSize {@code micro_batch_size}: rows per call; divides the batch size
   * @param numEpochs {@code num_epochs}
   * @param maxSteps {@code max_steps}: updates, instead of epochs; 0 for none
   * @param shuffle whether each epoch has an order of its own
   * @param seed of order, initial values and dropout
   * @param deterministic whether an operation that may give other bits the next time is an error
   * @param rows how examples become rows
   */
  public record Loop(
      int batchSize,
      int microBatchSize,
      int numEpochs,
      long maxSteps,
      boolean shuffle,
      long seed,
      boolean deterministic,
      Rows rows) {
    public Loop {
      if (microBatchSize < 1 || batchSize < 1 || batchSize % microBatchSize != 0) {
        throw new IllegalArgumentException(
            "batch_size ("
                + batchSize
                + ") must be a multiple of micro_batch_size ("
                + microBatchSize
                + "), both at least 1");
      }
      if (numEpochs < 1 || maxSteps < 0) {
        throw new IllegalArgumentException(
            "num_epochs must be >= 1 and max_steps >= 0, got " + numEpochs + " and " + maxSteps);
      }
    }
  }

  /**
   * How examples become rows of micro batches.
   *
   * @param arrangement which examples share rows and micro batches
   * @param buckets lengths that rows are padded to; empty for those up to {@code cutoff_len}
   */
  public record Rows(Arrangement arrangement, Optional<Buckets> buckets) {
    /** One example in each, in the order of the epoch. */
    public static final Rows IN_ORDER = new Rows(Arrangement.IN_ORDER, Optional.empty());
  }

  /**
   * The learning rate.
   *
   * @param kind its course
   * @param learningRate {@code learning_rate}: its peak
   * @param warmupSteps {@code warmup_steps}: updates until the peak
   * @param warmupRatio {@code warmup_ratio}: the same as a part of all updates; 0 for none
   * @param ending where it ends
   */
  public record Schedule(
      LearningRateSchedule.Kind kind,
      double learningRate,
      long warmupSteps,
      double warmupRatio,
      LearningRateSchedule.Ending ending) {
    public Schedule {
      if (!(warmupRatio >= 0 && warmupRatio <= 1)) {
        throw new IllegalArgumentException("warmup_ratio must be in [0, 1], got " + warmupRatio);
      }
      if (warmupRatio > 0 && warmupSteps > 0) {
        throw new IllegalArgumentException(
            "warmup_steps ("
                + warmupSteps
                + ") and warmup_ratio ("
                + warmupRatio
                + ") are two ways to say the same; leave one out or give 0");
      }
    }

    /** The schedule of {@code totalSteps} updates; a part of them is rounded up, as in HF. */
    public LearningRateSchedule over(long totalSteps) {
      long warmup = warmupRatio > 0 ? (long) Math.ceil(totalSteps * warmupRatio) : warmupSteps;
      return new LearningRateSchedule(kind, learningRate, warmup, totalSteps, ending);
    }
  }

  /**
   * Where everything goes, and how the run is watched.
   *
   * @param directory the run's folder
   * @param saving when to save
   * @param watching when to evaluate and when to stop
   * @param resume go on from the newest checkpoint
   * @param resumeFrom the step of another checkpoint to go on from; what came later is dropped
   * @param overwrite replace an earlier run in the folder
   */
  public record Output(
      Path directory,
      Saving saving,
      Watching watching,
      boolean resume,
      OptionalLong resumeFrom,
      boolean overwrite) {

    /** Whether the folder is used as it is. */
    boolean goesOn() {
      return resume || resumeFrom.isPresent();
    }
  }

  /**
   * When checkpoints are saved.
   *
   * @param saveSteps {@code save_steps}: updates between checkpoints
   * @param saveTotalLimit {@code save_total_limit}: checkpoints kept, besides the best one
   */
  public record Saving(long saveSteps, int saveTotalLimit) {
    public Saving {
      if (saveSteps < 1 || saveTotalLimit < 1) {
        throw new IllegalArgumentException(
            "save_steps and save_total_limit must be >= 1, got "
                + saveSteps
                + " and "
                + saveTotalLimit);
      }
    }
  }

  /**
   * When the loss on validation data is computed, and what follows from it.
   *
   * @param validationFile validation data of its own, in place of a part of the training data
   * @param evalSteps {@code eval_steps}: updates between evaluations
   * @param earlyStoppingPatience {@code early_stopping_patience}: evaluations without improvement
   *     after which the run ends; 0 for no such end
   * @param earlyStoppingThreshold {@code early_stopping_threshold}: by how much the loss must be
   *     lower to be an improvement
   * @param loadBestModelAtEnd {@code load_best_model_at_end}: whether the result is the adapter of
   *     the best evaluation, not the last one; a checkpoint is saved at every best evaluation
   * @param maxLossRatio how far the loss may rise above its lowest before the run is stopped; 0 for
   *     no limit
   */
  public record Watching(
      Optional<Path> validationFile,
      long evalSteps,
      int earlyStoppingPatience,
      double earlyStoppingThreshold,
      boolean loadBestModelAtEnd,
      double maxLossRatio) {
    public Watching {
      if (evalSteps < 1) {
        throw new IllegalArgumentException("eval_steps must be >= 1, got " + evalSteps);
      }
      if (earlyStoppingPatience < 0 || !(earlyStoppingThreshold >= 0)) {
        throw new IllegalArgumentException(
            "early_stopping_patience and early_stopping_threshold must be >= 0, got "
                + earlyStoppingPatience
                + " and "
                + earlyStoppingThreshold);
      }
      if (maxLossRatio != 0 && !(maxLossRatio > 1)) {
        throw new IllegalArgumentException(
            "max_loss_ratio must be > 1, or 0 for no limit, got " + maxLossRatio);
      }
    }

    /** An evaluation every 200 steps, all steps, the last adapter, a loss of at most 3 times. */
    public static Watching defaults() {
      return new Watching(Optional.empty(), 200, 0, 0, false, 3);
    }
  }
}
