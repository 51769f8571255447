package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters quickstart}. */
@Command(
    name = "quickstart",
    description =
        "Runs the main job on the sample: convert, evaluate, train LoRA, evaluate, export, generate.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters quickstart",
      "  llm-adapters quickstart --output /tmp/quickstart --overwrite"
    })
public final class QuickstartCommand implements Callable<Integer> {
  /** Set by the launcher: the folder of the checkout, which has samples/. */
  private static final String HOME = System.getProperty("llmadapters.home", ".");

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "quickstart-output",
      description = "Folder for everything (default ${DEFAULT-VALUE}).")
  private Path output = Path.of("");

  @Option(names = "--overwrite", description = "Replace what an earlier quickstart made there.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    Path samples = Path.of(HOME).resolve("samples");
    if (!Files.isDirectory(samples)) {
      throw new IllegalArgumentException(
          samples + ": no such folder; run ./llm-adapters from a checkout of the project");
    }
    Quickstart.Report report = new Quickstart(samples, output).run(overwrite);
    Objects.requireNonNull(spec).commandLine().getOut().println(report.table(output));
    return 0;
  }
}
