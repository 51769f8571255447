package org.llmadapters.training.command;

import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.llmadapters.training.TrainingOptions;
import picocli.CommandLine.Option;

/** The folder of a run: when to save, and what to do with an earlier run in it. */
final class OutputFlags {
  private static final Pattern CHECKPOINT = Pattern.compile("(?:checkpoint-)?(\\d{1,18})/?");

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
      description = "Checkpoints kept, besides the best one (default ${DEFAULT-VALUE}).")
  private int saveTotalLimit;

  @Option(names = "--resume", description = "Go on from the newest checkpoint in --output.")
  private boolean resume;

  @Option(
      names = "--resume-from",
      paramLabel = "checkpoint-N",
      description = "Go back to this checkpoint in --output; later ones are deleted.")
  private @Nullable String resumeFrom;

  @Option(names = "--overwrite", description = "Replace an earlier run in --output.")
  private boolean overwrite;

  Path directory() {
    return directory;
  }

  /** The options as given. */
  TrainingOptions.Output toOutput(TrainingOptions.Watching watching) {
    return new TrainingOptions.Output(
        directory,
        new TrainingOptions.Saving(saveSteps, saveTotalLimit),
        watching,
        resume,
        step(resumeFrom),
        overwrite);
  }

  private static OptionalLong step(@Nullable String checkpoint) {
    if (checkpoint == null) {
      return OptionalLong.empty();
    }
    Matcher name = CHECKPOINT.matcher(checkpoint);
    if (!name.matches()) {
      throw new IllegalArgumentException(
          "--resume-from must be the name of a folder in --output, checkpoint-N, got "
              + checkpoint);
    }
    return OptionalLong.of(Long.parseLong(name.group(1)));
  }
}
