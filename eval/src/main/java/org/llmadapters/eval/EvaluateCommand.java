package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.report.Results;
import org.llmadapters.eval.report.ResultsFolder;
import org.llmadapters.eval.report.ResultsFolder.Existing;
import org.llmadapters.eval.report.ResultsTable;
import org.llmadapters.eval.report.Speed;
import org.llmadapters.eval.task.ChoiceForm;
import org.llmadapters.eval.task.Suite;
import org.llmadapters.eval.task.Task;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
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
      "  llm-adapters evaluate --model base --adapter base --adapter run --scoring loglikelihood --suite commonsense --data-dir dataset --output results"
    })
public final class EvaluateCommand implements Callable<Integer> {
  private static final Logger LOG = LoggerFactory.getLogger(EvaluateCommand.class);
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
      description =
          "JSON list or JSONL with instruction and answer, for one task; with context, choices and gold for the task choices.")
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
      names = "--scoring",
      defaultValue = "generation",
      description =
          "generation (the model writes its answer) or loglikelihood (the likeliest of an item's choices is its answer) (default ${DEFAULT-VALUE}).")
  private String scoring = "";

  @Option(
      names = "--choices",
      paramLabel = "FORM",
      description =
          "What is scored as a choice: answer (\"the correct answer is answer2\", default) or option (the text that answer2 stands for).")
  private @Nullable String choices;

  @Option(
      names = "--truncate",
      description =
          "Leave out the first tokens of prompts that are too long for the model, instead of failing.")
  private boolean truncate;

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
      description = "Items generated, or choices scored, together (default ${DEFAULT-VALUE}).")
  private int batchSize;

  @Mixin private DecodingFlags decoding = new DecodingFlags();

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
    Optional<ChoiceForm> form = choiceForm();
    form.ifPresentOrElse(unused -> requireChoices(asked), () -> requireQuestions(asked));
    GenerationConfig generation = decoding.toConfig(maxNewTokens, batchSize);
    ModelFlags.Running running = model.running();
    running.requireRunnable(generation);
    List<TaskData> data = read(asked, form);
    EvaluationRun run = new EvaluationRun(stacks, data);
    TrainingOverlap overlap = new TrainingOverlap(Optional.ofNullable(trainingData));
    BaseModel base = model.base();
    Answering answering =
        folder
            ? intoFolder(run, settings(base, prompts, form, generation, stacks, data), overlap)
            : intoFile(run, data.get(0));
    run.warn(overlap);
    TooLong tooLong = truncate ? TooLong.CUT : TooLong.REFUSE;
    try (Tokenizer tokenizer = base.requireTokenizer()) {
      if (form.isPresent()) {
        try (TokenScorer scorer = running.scorer(base, stacks)) {
          answering.by(new ScoringRespondent(scorer, tokenizer, prompts, batchSize, tooLong));
        }
      } else {
        try (Generator generator = running.generator(base, stacks)) {
          answering.by(
              new GeneratingRespondent(generator, tokenizer, prompts, generation, tooLong));
        }
      }
    }
    return 0;
  }

  /** What a respondent is opened for. */
  @FunctionalInterface
  private interface Answering {
    void by(Respondent respondent) throws IOException;
  }

  /** What a choice's text is, if choices are scored. */
  private Optional<ChoiceForm> choiceForm() {
    if (Scoring.of(scoring) == Scoring.LOGLIKELIHOOD) {
      return Optional.of(choices == null ? ChoiceForm.ANSWER : ChoiceForm.of(choices));
    }
    if (choices != null) {
      throw new IllegalArgumentException(
          "--choices has an effect with --scoring loglikelihood only");
    }
    return Optional.empty();
  }

  private static void requireChoices(List<Task> asked) {
    List<String> without =
        asked.stream().filter(task -> !task.hasChoices()).map(Task::name).toList();
    if (!without.isEmpty()) {
      throw new IllegalArgumentException(
          "--scoring loglikelihood compares the choices of an item, and items of "
              + String.join(", ", without)
              + " have none; use --scoring generation for them");
    }
  }

  private static void requireQuestions(List<Task> asked) {
    for (Task task : asked) {
      if (task.bringsChoices()) {
        throw new IllegalArgumentException(
            "the task "
                + task.name()
                + " has no questions to answer freely; give --scoring loglikelihood");
      }
    }
  }

  private ObjectNode settings(
      BaseModel base,
      PromptTemplate prompts,
      Optional<ChoiceForm> form,
      GenerationConfig generation,
      List<AdapterStack> stacks,
      List<TaskData> data)
      throws IOException {
    ObjectNode settings =
        form.isPresent()
            ? EvaluationSettings.of(base, prompts, form.get(), limit, stacks, data)
            : EvaluationSettings.of(base, prompts, generation, limit, stacks, data);
    if (truncate) {
      settings.put("truncate", true);
    }
    return settings;
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

  private List<TaskData> read(List<Task> asked, Optional<ChoiceForm> form) throws IOException {
    Path file = data;
    Path directory = dataDirectory;
    if ((file == null) == (directory == null)) {
      throw new IllegalArgumentException(
          "give the questions by either --data FILE or --data-dir DIR, got "
              + (file == null ? "neither" : "both"));
    }
    if (directory != null) {
      return TaskData.readAll(asked, directory, limit, form);
    }
    if (asked.size() > 1) {
      throw new IllegalArgumentException(
          "--data "
              + file
              + ": is the file of one task, got "
              + asked.size()
              + " tasks; give --data-dir DIR with NAME/test.json for each");
    }
    return List.of(TaskData.read(asked.get(0), Objects.requireNonNull(file), limit, form));
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

  private Answering intoFolder(EvaluationRun run, ObjectNode settings, TrainingOverlap overlap)
      throws IOException {
    Existing existing = resume ? Existing.RESUME : overwrite ? Existing.OVERWRITE : Existing.REFUSE;
    ResultsFolder folder = ResultsFolder.check(output, settings, existing);
    return respondent -> {
      Results results = run.run(respondent, folder, overlap);
      ResultsTable.of(results).text().forEach(out()::println);
      out()
          .println(
              results.speed().map(Speed::text).orElse("all answers were there")
                  + "; results in "
                  + output);
    };
  }

  private Answering intoFile(EvaluationRun run, TaskData task) {
    return respondent -> {
      int truncated = run.requireFit(respondent).get(0);
      if (truncated > 0) {
        LOG.warn(
            "{} of {} prompts are too long for the model and lose their first tokens",
            truncated,
            task.items().size());
      }
      Evaluation.Report report =
          new Evaluation(task.task(), respondent).run(task.items(), Optional.of(output));
      ScoreCommand.lines(task.task(), report.predictions()).forEach(out()::println);
      out().println(report.speed().map(Speed::text).orElseThrow() + "; predictions in " + output);
    };
  }

  private PrintWriter out() {
    return Objects.requireNonNull(spec).commandLine().getOut();
  }
}
