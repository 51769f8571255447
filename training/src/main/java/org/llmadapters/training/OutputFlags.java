package org.llmadapters.training;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The folder of a run: when to save, and what to do with an earlier run in it. */
final class OutputFlags {
  @Option(
      names = "--output",
      paramLabel = "DIR",
      required = true,
      description = "Folder of the run.")
  private Path directory = Path.of("");

  @Option(
      names = "--save-steps",
      defaultValue = "200",
      description = "Updates between checkpoints (default ${DEFAULT-VALUE}).")
  private long saveSteps;

  @Option(
      names = "--save-total-limit",
      defaultValue = "3",
      description = "Checkpoints kept (default ${DEFAULT-VALUE}).")
  private int saveTotalLimit;

  @Option(
      names = "--eval-steps",
      defaultValue = "200",
      description = "Updates between evaluations (default ${DEFAULT-VALUE}).")
  private long evalSteps;

  @Option(names = "--resume", description = "Go on from the newest checkpoint in --output.")
  private boolean resume;

  @Option(names = "--overwrite", description = "Replace an earlier run in --output.")
  private boolean overwrite;

  Path directory() {
    return directory;
  }

  /** The options as given. */
  TrainingOptions.Output toOutput() {
    return new TrainingOptions.Output(
        directory,
        new TrainingOptions.Saving(saveSteps, saveTotalLimit, evalSteps),
        resume,
        overwrite);
  }
}
