package org.llmadapters.training;

import picocli.CommandLine.Option;

/** Batches, steps and order, named as in LLM-Adapters. */
final class LoopFlags {
  @Option(
      names = "--batch-size",
      defaultValue = "16",
      description = "Examples per update (default ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--micro-batch-size",
      defaultValue = "4",
      description =
          "Examples per call; the rest is gradient accumulation (default ${DEFAULT-VALUE}).")
  private int microBatchSize;

  @Option(
      names = "--num-epochs",
      defaultValue = "3",
      description = "Passes over the data (default ${DEFAULT-VALUE}).")
  private int numEpochs;

  @Option(names = "--max-steps", defaultValue = "0", description = "Updates, instead of epochs.")
  private long maxSteps;

  @Option(
      names = "--seed",
      defaultValue = "42",
      description = "Of order, initial values and dropout (default ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--shuffle",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "A new order in every epoch (default), or the file's.")
  private boolean shuffle;

  @Option(
      names = "--deterministic",
      description =
          "Refuse every operation that may give other bits when it is run again; --resume needs as many cores as before.")
  private boolean deterministic;

  /** The options as given. */
  TrainingOptions.Loop toLoop() {
    return new TrainingOptions.Loop(
        batchSize, microBatchSize, numEpochs, maxSteps, shuffle, seed, deterministic);
  }
}
