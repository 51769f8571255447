package org.llmadapters.training.command;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.llmadapters.training.TrainingOptions;
import picocli.CommandLine.Option;

/** Validation, and when a run stops before its last step; named as in Hugging Face's Trainer. */
final class WatchFlags {
  @Option(
      names = "--val-data",
      paramLabel = "FILE",
      description = "Validation data of its own, in place of --val-set-size.")
  private @Nullable Path validationFile;

  @Option(
      names = "--eval-steps",
      defaultValue = "200",
      description = "Updates between evaluations (default ${DEFAULT-VALUE}).")
  private long evalSteps;

  @Option(
      names = "--early-stopping-patience",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "End after N evaluations in a row without a lower loss; 0 for never (default ${DEFAULT-VALUE}).")
  private int earlyStoppingPatience;

  @Option(
      names = "--early-stopping-threshold",
      defaultValue = "0",
      description = "By more than this the loss must be lower to count (default ${DEFAULT-VALUE}).")
  private double earlyStoppingThreshold;

  @Option(
      names = "--load-best-model-at-end",
      description =
          "The result is that of the evaluation with the lowest loss, whose checkpoint is kept.")
  private boolean loadBestModelAtEnd;

  @Option(
      names = "--max-loss-ratio",
      defaultValue = "3",
      description =
          "Stop when the median loss of 10 steps is over this many times the lowest so far (at least 1 nat); 0 for no limit (default ${DEFAULT-VALUE}).")
  private double maxLossRatio;

  /** The options as given. */
  TrainingOptions.Watching toWatching() {
    return new TrainingOptions.Watching(
        Optional.ofNullable(validationFile),
        evalSteps,
        earlyStoppingPatience,
        earlyStoppingThreshold,
        loadBestModelAtEnd,
        maxLossRatio);
  }
}
