package org.llmadapters.conversion.export;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.MergeCheck;
import org.llmadapters.conversion.SizeText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code export}: a model, with or without an adapter, for TensorFlow Serving. */
@Command(
    name = "export",
    description = "Write a versioned model for TensorFlow Serving.",
    sortOptions = false,
    usageHelpWidth = 100,
    footer = {
      "",
      "Examples:",
      "  llm-adapters export --model llama-7b --adapter math --output models/math",
      "  llm-adapters export --model llama-7b --adapter math --output models/math --version 2 --merge"
    })
@SuppressWarnings("NullAway.Init") // picocli fills the fields
public final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--model", required = true, paramLabel = "DIR", description = "Base SavedModel.")
  private Path model;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description = "Adapter directory in PEFT's format.")
  private @Nullable Path adapter;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR/NAME",
      description = "The model's directory: NAME is what clients will call it.")
  private Path output;

  @Option(
      names = "--version",
      paramLabel = "N",
      defaultValue = "1",
      description = "The folder below --output that is written. Default: ${DEFAULT-VALUE}.")
  private long version;

  @Option(
      names = "--merge",
      description =
          "Put the adapter into the weights, for the base's speed, instead of beside them.")
  private boolean merge;

  @Option(
      names = "--check",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Compare logits before and after merging (default); --no-check needs less memory than the model.")
  private boolean check;

  @Option(names = "--overwrite", description = "Replace this version if it exists.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    ServingExport.Report report =
        ServingExport.export(
            new ExportConfig(
                model, Optional.ofNullable(adapter), output, version, merge, check, overwrite));
    PrintWriter out = spec.commandLine().getOut();
    out.println("directory   " + report.directory());
    out.println("signatures  " + String.join(", ", new TreeSet<>(report.signatures().keySet())));
    out.println("variables   " + SizeText.bytes(report.bytes()));
    out.println("adapter     " + adapterText(report));
    report.difference().ifPresent(difference -> out.println(MergeCheck.describe(difference)));
    out.flush();
    return 0;
  }

  private String adapterText(ServingExport.Report report) {
    if (adapter == null) {
      return "none";
    }
    return merge
        ? "merged into " + report.mergedWeights() + " weights"
        : report.adapterVariables() + " variables beside the weights";
  }
}
