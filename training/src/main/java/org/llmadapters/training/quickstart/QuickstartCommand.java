package org.llmadapters.training.quickstart;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.DeviceFlags;
import org.llmadapters.graph.compile.SessionOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
      "  llm-adapters quickstart --compare --output compared --overwrite"
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

  @Option(
      names = "--compare",
      description =
          "Train every kind of adapter and all weights instead, and print a table: some ten minutes.")
  private boolean compare;

  @Mixin private DeviceFlags device = new DeviceFlags();

  @Override
  public Integer call() throws IOException {
    Path samples = Path.of(HOME).resolve("samples");
    if (!Files.isDirectory(samples)) {
      throw new IllegalArgumentException(
          samples + ": no such folder; run ./llm-adapters from a checkout of the project");
    }
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    SessionOptions session = device.session();
    if (compare) {
      out.println(
          new AdapterComparison(samples, output, 250, Compile.ON, session)
              .run(AdapterComparison.ALL, Integer.MAX_VALUE, overwrite));
      return 0;
    }
    Quickstart.Report report = new Quickstart(samples, output, session).run(overwrite);
    out.println(report.table(output));
    return 0;
  }
}
