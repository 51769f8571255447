package org.llmadapters.conversion;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.config.WeightDtype;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code merge}: a Hugging Face checkpoint and an adapter to one Hugging Face checkpoint. */
@Command(
    name = "merge",
    description = "Merge an adapter into a Hugging Face checkpoint; writes a new checkpoint.",
    sortOptions = false,
    usageHelpWidth = 100,
    footer = {
      "",
      "Examples:",
      "  llm-adapters merge --checkpoint llama-7b-hf --adapter math --output math-hf",
      "  llm-adapters merge --checkpoint llama-7b-hf --adapter math --output merged --dtype float16"
    })
@SuppressWarnings("NullAway.Init") // picocli fills the fields
public final class MergeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--checkpoint",
      required = true,
      paramLabel = "DIR",
      description = "Hugging Face checkpoint that the adapter was trained on.")
  private Path checkpoint;

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "DIR",
      description = "Adapter directory in PEFT's format.")
  private Path adapter;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description = "Where the merged checkpoint goes.")
  private Path output;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      converter = DtypeConverter.class,
      description = "Dtype to write: float32, bfloat16 or float16. Default: as stored.")
  private @Nullable WeightDtype dtype;

  @Option(
      names = "--max-shard-size",
      paramLabel = "SIZE",
      defaultValue = "5GB",
      converter = ByteSizeConverter.class,
      description = "Most bytes of weights in a file, such as 500MB. Default: ${DEFAULT-VALUE}.")
  private long maxShardBytes;

  @Option(
      names = "--check",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Compare logits before and after (default); --no-check needs less memory than the model.")
  private boolean check;

  @Option(names = "--overwrite", description = "Replace what is in --output.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    Merger.Report report =
        Merger.merge(
            new MergeConfig(
                checkpoint,
                adapter,
                output,
                Optional.ofNullable(dtype),
                maxShardBytes,
                check,
                overwrite));
    PrintWriter out = spec.commandLine().getOut();
    out.println("checkpoint  " + output);
    out.println("merged      " + report.weights() + " of " + report.tensors() + " tensors");
    report.difference().ifPresent(difference -> out.println(MergeCheck.describe(difference)));
    out.println("size        " + SizeText.bytes(report.bytes()));
    out.flush();
    return 0;
  }
}
