package org.llmadapters.conversion;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code convert}: a Hugging Face checkpoint to a base SavedModel. */
@Command(
    name = "convert",
    description = "Convert a Hugging Face checkpoint to a base SavedModel, once per model.",
    sortOptions = false,
    usageHelpWidth = 100,
    footer = {
      "",
      "Examples:",
      "  llm-adapters convert --checkpoint llama-7b-hf --output llama-7b",
      "  llm-adapters convert --checkpoint llama-7b-hf --output llama-7b --dtype bfloat16 --overwrite"
    })
@SuppressWarnings("NullAway.Init") // picocli fills the fields
public final class ConvertCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--checkpoint",
      required = true,
      paramLabel = "DIR",
      description = "Directory with config.json, the weights and the tokenizer.")
  private Path checkpoint;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description = "Where the SavedModel goes.")
  private Path output;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      converter = WeightFormatConverter.class,
      description = {
        "Dtype of the weights: float32, bfloat16 or float16. Default: as stored.",
        "int8 and nf4 store the blocks' linear layers in 8 or 4 bits, the rest in bfloat16, for adapters on a frozen base."
      })
  private @Nullable WeightFormat format;

  @Option(names = "--overwrite", description = "Replace what is in --output.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    Converter.Report report =
        format == null
            ? Converter.convert(checkpoint, output, overwrite)
            : Converter.convert(checkpoint, output, format, overwrite);
    PrintWriter out = spec.commandLine().getOut();
    out.println("model       " + output);
    out.println("parameters  " + SizeText.count(report.parameters()));
    out.println(
        "size        " + SizeText.bytes(report.bytes()) + ", " + report.format().describe());
    out.println(
        "tokenizer   "
            + report
                .tokenizer()
                .orElse("none: training and generation from text need one in the checkpoint"));
    if (!report.dropped().isEmpty()) {
      out.println("dropped     " + String.join(", ", report.dropped()));
    }
    out.flush();
    return 0;
  }
}
