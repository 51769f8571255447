package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskFile;
import org.llmadapters.eval.task.TaskItem;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters evaluate}. */
@Command(
    name = "evaluate",
    description = "Lets a model answer a test set and scores the answers.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters evaluate --model base --adapter run --task gsm8k --data gsm8k/test.json --output predictions.jsonl",
      "  llm-adapters evaluate --model base --task SVAMP --data SVAMP/test.json --output base.jsonl --limit 100"
    })
public final class EvaluateCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;
  @Mixin private ModelFlags model = new ModelFlags();
  @Mixin private BeamFlags beams = new BeamFlags();

  @Option(
      names = "--task",
      paramLabel = "NAME",
      required = true,
      completionCandidates = TaskNames.class,
      description = "${COMPLETION-CANDIDATES}.")
  private String task = "";

  @Option(
      names = "--data",
      paramLabel = "FILE",
      required = true,
      description = "JSON list or JSONL with instruction and answer.")
  private Path data = Path.of("");

  @Option(
      names = "--output",
      paramLabel = "FILE",
      required = true,
      description = "Predictions, one JSON object per line.")
  private Path output = Path.of("");

  @Option(
      names = "--template",
      defaultValue = "alpaca",
      description = "alpaca, llm-adapters-train, llm-adapters-eval (default ${DEFAULT-VALUE}).")
  private String template = "";

  @Option(
      names = "--max-new-tokens",
      defaultValue = "256",
      description = "Most tokens of an answer (default ${DEFAULT-VALUE}).")
  private int maxNewTokens;

  @Option(
      names = "--batch-size",
      defaultValue = "16",
      description = "Items generated together (default ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(names = "--limit", defaultValue = "0", description = "Only the first so many items.")
  private int limit;

  @Option(names = "--overwrite", description = "Replace an earlier predictions file.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    if (Files.exists(output) && !overwrite) {
      throw new IllegalArgumentException(
          output + ": exists; name another file, or give --overwrite");
    }
    Task asked = Task.of(task);
    List<TaskItem> items = TaskFile.read(data, asked);
    if (limit > 0 && limit < items.size()) {
      items = items.subList(0, limit);
    }
    Evaluation evaluation =
        new Evaluation(
            asked, PromptTemplate.of(template), model.generation(maxNewTokens, batchSize, beams));
    BaseModel base = model.base();
    try (Tokenizer tokenizer = base.requireTokenizer();
        Generator generator = model.generator(base)) {
      Evaluation.Report report = evaluation.run(generator, tokenizer, items, Optional.of(output));
      var out = Objects.requireNonNull(spec).commandLine().getOut();
      ScoreCommand.lines(asked, report.predictions()).forEach(out::println);
      out.printf(
          Locale.ROOT,
          "%.2f items/s, %.0f tokens/s; predictions in %s%n",
          report.itemsPerSecond(),
          report.tokensPerSecond(),
          output);
    }
    return 0;
  }
}
