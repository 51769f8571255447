package org.llmadapters.training.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters report}. */
@Command(
    name = "report",
    description =
        "Makes report.html and curves/ of a training run, also of one that is still going on or was killed.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters report --run run",
      "  llm-adapters report --run quickstart-output/run"
    })
public final class ReportCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--run",
      paramLabel = "DIR",
      required = true,
      description = "Folder of the run, the --output of train.")
  private Path run = Path.of("");

  @Override
  public Integer call() throws IOException {
    RunReport.write(run);
    java.util.Objects.requireNonNull(spec)
        .commandLine()
        .getOut()
        .println(run.resolve(RunReport.NAME));
    return 0;
  }
}
