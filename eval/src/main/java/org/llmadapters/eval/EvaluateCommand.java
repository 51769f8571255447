package org.llmadapters.eval;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.report.ResultsFolder;
import org.llmadapters.eval.report.ResultsFolder.Existing;
import org.llmadapters.eval.report.ResultsTable;
import org.llmadapters.eval.task.Suite;
import org.llmadapters.eval.task.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters evaluate}. */
@Command(
    name = "evaluate",
    description = "Lets a model, with one adapter after the other, answer test sets and scores it.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters evaluate --model base --adapter run --task gsm8k --data gsm8k/test.json --output predictions.jsonl",
      "  llm-adapters evaluate --model base --adapter base --adapter run --suite math --data-dir dataset --output results"
    })
public final class EvaluateCommand implements Callable<Integer> {
  private static final String PREDICTIONS = ".jsonl";

  @Spec private @Nullable CommandSpec spec;
  @Mixin private ModelFlags model = new ModelFlags();
  @Mixin private AdapterFlags adapters = new AdapterFlags();

  @Option(
      names = "--task",
      paramLabel = "NAME",
      completionCandidates = TaskNames.class,
      description = "${COMPLETION-CANDIDATES}; may be repeated.")
  private List<String> tasks = new ArrayList<>();

  @Option(
      names = "--suite",
      paramLabel = "NAME",
      description = "All tasks of LLM-Adapters' math or commonsense.")
  private @Nullable String suite;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description = "JSON list or JSONL with instruction and answer, for one task.")
  private @Nullable Path data;

  @Option(
      names = "--data-dir",
      paramLabel = "DIR",
      description = "Folder with NAME/test.json for each task.")
  private @Nullable Path dataDirectory;

  @Option(
      names = "--output",
      paramLabel = "PATH",
      required = true,
      description =
          "Folder for predictions and results; or FILE.jsonl for the predictions of one task and one adapter.")
  private Path output = Path.of("");

  @Option(
      names = "--training-data",
      paramLabel = "FILE",
      description =
          "Warn of test items that occur in it (default: what run.json beside an adapter names).")
  private @Nullable Path trainingData;

  @Option(
      names = "--template",
      paramLabel = "NAME|FILE",
      defaultValue = "alpaca",
      description =
          "alpaca, llm-adapters-train, llm-adapters-eval, or a JSON file (default ${DEFAULT-VALUE}).")
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

  @Mixin private BeamFlags beams = new BeamFlags();

  @Option(
      names = "--limit",
      defaultValue = "0",
      description = "Only the first so many items of a task.")
  private int limit;

  @Option(
      names = "--resume",
      description = "Go on with an evaluation in the output folder that was interrupted.")
  private boolean resume;

  @Option(names = "--overwrite", description = "Replace an earlier evaluation.")
  private boolean overwrite;

  @Override
  public Integer call() throws IOException {
    List<AdapterStack> stacks = adapters.stacks();
    List<Task> asked = askedTasks();
    boolean folder = !output.getFileName().toString().endsWith(PREDICTIONS);
    requireOutput(folder, asked.size(), stacks.size());
    PromptTemplate prompts = PromptTemplate.of(template);
    GenerationConfig generation = model.generation(maxNewTokens, batchSize, beams);
    List<TaskData> tasksWithItems = read(asked);
    EvaluationRun run = new EvaluationRun(prompts, generation, stacks, tasksWithItems);
    TrainingOverlap overlap = new TrainingOverlap(Optional.ofNullable(trainingData));
    BaseModel base = model.base();
    if (folder) {
      intoFolder(run, stacks, base, overlap);
    } else {
      run.warn(overlap);
      intoFile(
          new Evaluation(asked.get(0), prompts, generation), tasksWithItems.get(0), stacks, base);
    }
    return 0;
  }

  private List<Task> askedTasks() {
    if (tasks.isEmpty() == (suite == null)) {
      throw new IllegalArgumentException(
          "name what to evaluate by either --task or --suite, got "
              + (suite == null ? "neither" : "both"));
    }
    List<Task> asked =
        suite == null ? tasks.stream().map(Task::of).toList() : Suite.of(suite).tasks();
    if (asked.stream().distinct().count() < asked.size()) {
      throw new IllegalArgumentException("--task " + String.join(", ", tasks) + ": name each once");
    }
    return asked;
  }

  private List<TaskData> read(List<Task> asked) throws IOException {
    Path file = data;
    Path directory = dataDirectory;
    if ((file == null) == (directory == null)) {
      throw new IllegalArgumentException(
          "give the questions by either --data FILE or --data-dir DIR, got "
              + (file == null ? "neither" : "both"));
    }
    if (directory != null) {
      return TaskData.readAll(asked, directory, limit);
    }
    if (asked.size() > 1) {
      throw new IllegalArgumentException(
          "--data "
              + file
              + ": is the file of one task, got "
              + asked.size()
              + " tasks; give --data-dir DIR with NAME/test.json for each");
    }
    return List.of(TaskData.read(asked.get(0), Objects.requireNonNull(file), limit));
  }

  private void requireOutput(boolean folder, int taskCount, int adapterCount) throws IOException {
    if (resume && overwrite) {
      throw new IllegalArgumentException(
          "--resume and --overwrite: an evaluation is gone on with or replaced, give one of them");
    }
    if (folder) {
      return;
    }
    if (taskCount > 1 || adapterCount > 1) {
      throw new IllegalArgumentException(
          output
              + ": a .jsonl file is for one task and one adapter, got "
              + taskCount
              + " and "
              + adapterCount
              + "; name a folder");
    }
    if (resume) {
      throw new IllegalArgumentException(
          output + ": --resume needs the settings in an evaluation's folder; name a folder");
    }
    if (Files.exists(output) && !overwrite) {
      throw new IllegalArgumentException(
          output + ": exists; name another file, or give --overwrite");
    }
  }

  private void intoFolder(
      EvaluationRun run, List<AdapterStack> stacks, BaseModel base, TrainingOverlap overlap)
      throws IOException {
    Existing existing = resume ? Existing.RESUME : overwrite ? Existing.OVERWRITE : Existing.REFUSE;
    ResultsFolder folder = ResultsFolder.check(output, run.settings(base, limit), existing);
    run.warn(overlap);
    try (Tokenizer tokenizer = base.requireTokenizer();
        Generator generator = model.generator(base, stacks)) {
      EvaluationRun.Report report = run.run(generator, tokenizer, folder, overlap);
      PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
      ResultsTable.of(report.results()).text().forEach(out::println);
      out.println(report.speed() + "; results in " + output);
    }
  }

  private void intoFile(
      Evaluation evaluation, TaskData task, List<AdapterStack> stacks, BaseModel base)
      throws IOException {
    try (Tokenizer tokenizer = base.requireTokenizer();
        Generator generator = model.generator(base, stacks)) {
      Evaluation.Report report =
          evaluation.run(generator, tokenizer, task.items(), Optional.of(output));
      PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
      ScoreCommand.lines(task.task(), report.predictions()).forEach(out::println);
      out.printf(
          Locale.ROOT,
          "%.2f items/s, %.0f tokens/s; predictions in %s%n",
          report.itemsPerSecond(),
          report.tokensPerSecond(),
          output);
    }
  }
}
