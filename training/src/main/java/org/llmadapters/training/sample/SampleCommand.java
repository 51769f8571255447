package org.llmadapters.training.sample;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code llm-adapters sample}: makes the files of {@code samples/} and the data that its model was
 * pre-trained on.
 */
@Command(
    name = "sample",
    description = "Generates the sample's word problems, tokenizer and pre-training data.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters sample --output sample",
      "  llm-adapters sample --output sample --pretraining 200000 --seed 1"
    })
public final class SampleCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      required = true,
      description = "Folder to write to.")
  private Path output = Path.of("");

  @Option(
      names = "--pretraining",
      defaultValue = "0",
      description = "Problems to write to pretrain.jsonl (default ${DEFAULT-VALUE}).")
  private long pretraining;

  @Option(
      names = "--seed",
      defaultValue = "" + SampleFiles.SEED,
      description = "Of everything (default ${DEFAULT-VALUE}).")
  private long seed;

  @Override
  public Integer call() throws IOException {
    SampleFiles.write(output, seed);
    if (pretraining > 0) {
      writePretraining();
    }
    java.util.Objects.requireNonNull(spec).commandLine().getOut().println(output);
    return 0;
  }

  private void writePretraining() throws IOException {
    ObjectMapper json = new ObjectMapper();
    try (BufferedWriter writer = Files.newBufferedWriter(output.resolve("pretrain.jsonl"))) {
      Iterator<Problem> problems = new WordProblems(seed).pretraining(pretraining).iterator();
      while (problems.hasNext()) {
        Problem problem = problems.next();
        writer.write(
            json.writeValueAsString(
                Map.of(
                    "instruction",
                    problem.instruction(),
                    "input",
                    "",
                    "output",
                    problem.output())));
        writer.newLine();
      }
    } catch (UncheckedIOException e) {
      throw new IOException(e);
    }
  }
}
