package org.llmadapters.training;

import java.nio.file.Path;
import org.llmadapters.eval.prompt.PromptTemplate;
import picocli.CommandLine.Option;

/** What {@code train} reads and how it makes examples of it, named as in LLM-Adapters. */
final class DataFlags {
  @Option(
      names = "--data",
      paramLabel = "FILE",
      required = true,
      description = "Alpaca JSON or JSONL, or pre-tokenized JSONL.")
  private Path file = Path.of("");

  @Option(
      names = "--template",
      defaultValue = "alpaca",
      description =
          "Prompt template: alpaca, llm-adapters-train, llm-adapters-eval (default ${DEFAULT-VALUE}).")
  private String template = "";

  @Option(
      names = "--cutoff-len",
      defaultValue = "256",
      description = "Longest example in tokens (default ${DEFAULT-VALUE}).")
  private int cutoffLen;

  @Option(names = "--train-on-inputs", description = "Predict the prompt's tokens too.")
  private boolean trainOnInputs;

  @Option(
      names = "--val-set-size",
      defaultValue = "0",
      description = "Records set aside for the evaluation loss (default ${DEFAULT-VALUE}).")
  private int valSetSize;

  /** The options as given. */
  TrainingOptions.Data toData() {
    return new TrainingOptions.Data(
        file, PromptTemplate.of(template), cutoffLen, trainOnInputs, valSetSize);
  }
}
