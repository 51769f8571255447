package org.llmadapters.training.bench;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code llm-adapters bench}. */
@Command(
    name = "bench",
    description = "Measures training, generation, conversion or matrix products and prints JSON.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {BenchTrain.class, BenchGenerate.class, BenchConvert.class, BenchMatmul.class},
    footer = {
      "",
      "Examples:",
      "  llm-adapters bench train --dtype bfloat16 --batch-size 4 --sequence-length 128",
      "  llm-adapters bench generate --batch-size 4 --max-new-tokens 128"
    })
public final class BenchCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Override
  public Integer call() {
    throw new ParameterException(
        java.util.Objects.requireNonNull(spec).commandLine(),
        "name what to measure: train, generate, convert or matmul");
  }
}
