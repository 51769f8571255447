package org.llmadapters.training;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.conversion.ModelAssets;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.prompt.PromptTemplate;

/**
 * A training run as its user asks for it.
 *
 * @param model what is trained
 * @param data what it is trained on
 * @param loop batches and steps
 * @param optimizer the update
 * @param schedule the learning rate
 * @param output where everything goes
 * @param compile whether XLA compiles the step
 */
public record TrainingOptions(
    Model model,
    Data data,
    Loop loop,
    OptimizerConfig optimizer,
    Schedule schedule,
    Output output,
    Compile compile) {

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
   * @param batchSize {@code batch_size}: examples per update
   * @param microBatchSize {@code micro_batch_size}: examples per call; divides the batch size
   * @param numEpochs {@code num_epochs}
   * @param maxSteps {@code max_steps}: updates, instead of epochs; 0 for none
   * @param shuffle whether each epoch has an order of its own
   * @param seed of order, initial values and dropout
   */
  public record Loop(
      int batchSize, int microBatchSize, int numEpochs, long maxSteps, boolean shuffle, long seed) {
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
   * The learning rate.
   *
   * @param kind its course
   * @param learningRate {@code learning_rate}: its peak
   * @param warmupSteps {@code warmup_steps}: updates until the peak
   */
  public record Schedule(LearningRateSchedule.Kind kind, double learningRate, long warmupSteps) {}

  /**
   * Where everything goes.
   *
   * @param directory the run's folder
   * @param saving when to save and evaluate
   * @param resume go on from the newest checkpoint
   * @param overwrite replace an earlier run in the folder
   */
  public record Output(Path directory, Saving saving, boolean resume, boolean overwrite) {}

  /**
   * When checkpoints are saved and the loss on validation data is computed.
   *
   * @param saveSteps {@code save_steps}: updates between checkpoints
   * @param saveTotalLimit {@code save_total_limit}: checkpoints kept
   * @param evalSteps {@code eval_steps}: updates between evaluations
   */
  public record Saving(long saveSteps, int saveTotalLimit, long evalSteps) {
    public Saving {
      if (saveSteps < 1 || saveTotalLimit < 1 || evalSteps < 1) {
        throw new IllegalArgumentException(
            "save_steps, save_total_limit and eval_steps must be >= 1, got "
                + saveSteps
                + ", "
                + saveTotalLimit
                + " and "
                + evalSteps);
      }
    }
  }
}
