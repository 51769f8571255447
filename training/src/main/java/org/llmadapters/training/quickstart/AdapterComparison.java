package org.llmadapters.training.quickstart;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.Evaluation;
import org.llmadapters.eval.GeneratingRespondent;
import org.llmadapters.eval.GenerationConfig;
import org.llmadapters.eval.Generator;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.task.Score;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskFile;
import org.llmadapters.eval.task.TaskItem;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.RunSummary;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Every kind of adapter, and full fine-tuning, trained on the sample with the same data, batches
 * and steps, and asked the same questions afterwards. Each is trained by a process of its own, so
 * that its memory can be told.
 */
public final class AdapterComparison {
  private static final Logger log = LoggerFactory.getLogger(AdapterComparison.class);

  private static final String FULL = "full";
  private static final String ALL_LINEAR = "all-linear";

  /**
   * What is compared.
   *
   * @param name of the row
   * @param options of the train command that are its own
   */
  public record Candidate(String name, List<String> options) {
    public Candidate {
      options = List.copyOf(options);
    }

    private static Candidate of(String name, String... options) {
      return new Candidate(name, List.of(options));
    }

    /** Whether all weights are trained. */
    boolean isFull() {
      return options.contains(FULL);
    }
  }

  /** All kinds, with learning rates that were not searched for each: see their options. */
  public static final List<Candidate> ALL =
      List.of(
          Candidate.of(
              "lora",
              "--adapter",
              "lora",
              "--target-modules",
              ALL_LINEAR,
              "--learning-rate",
              "5e-3"),
          Candidate.of(
              "dora",
              "--adapter",
              "dora",
              "--target-modules",
              ALL_LINEAR,
              "--learning-rate",
              "5e-3"),
          Candidate.of(
              "series (AdapterH)",
              "--adapter",
              "series",
              "--bottleneck-size",
              "16",
              "--learning-rate",
              "5e-3"),
          Candidate.of(
              "series (AdapterP)",
              "--adapter",
              "series",
              "--use-adapterp",
              "--bottleneck-size",
              "16",
              "--learning-rate",
              "5e-3"),
          Candidate.of(
              "parallel",
              "--adapter",
              "parallel",
              "--target-modules",
              ALL_LINEAR,
              "--bottleneck-size",
              "8",
              "--learning-rate",
              "5e-3"),
          Candidate.of("ia3", "--adapter", "ia3", "--learning-rate", "2e-2"),
          Candidate.of(
              "prefix",
              "--adapter",
              "prefix",
              "--num-virtual-tokens",
              "10",
              "--learning-rate",
              "2e-2"),
          Candidate.of(
              "prompt",
              "--adapter",
              "prompt",
              "--num-virtual-tokens",
              "10",
              "--learning-rate",
              "2e-2"),
          Candidate.of(
              "p-tuning",
              "--adapter",
              "p-tuning",
              "--num-virtual-tokens",
              "10",
              "--learning-rate",
              "1e-3"),
          Candidate.of(FULL, "--adapter", FULL, "--learning-rate", "1e-3"));

  private final Path samples;
  private final Path output;
  private final int steps;
  private final Compile compile;
  private final SessionOptions session;

  /**
   * A comparison on the files in {@code samples}, with everything it makes below {@code output}.
   *
   * @param samples folder with {@code tiny-llama} and {@code word-problems}
   * @param steps of each training
   * @param compile whether the steps are compiled
   * @param session what it computes on
   */
  public AdapterComparison(
      Path samples, Path output, int steps, Compile compile, SessionOptions session) {
    this.samples = samples;
    this.output = output;
    this.steps = steps;
    this.compile = compile;
    this.session = session;
  }

  /**
   * A row of the table.
   *
   * @param name of the candidate, or {@code base}
   * @param training what the run said; empty for the base
   * @param score on the test set
   */
  record Row(String name, Optional<RunSummary> training, Score score) {

    String markdown() {
      return String.format(
          Locale.ROOT,
          "| %s | %s | %.1f %% (%.0f-%.0f) | %s |",
          name,
          training
              .map(
                  summary ->
                      String.format(
                          Locale.ROOT,
                          "%d | %.2f %%",
                          summary.trainableParameters(),
                          100.0 * summary.trainableParameters() / summary.totalParameters()))
              .orElse("- | -"),
          100 * score.accuracy(),
          100 * score.interval().low(),
          100 * score.interval().high(),
          training
              .map(
                  summary ->
                      String.format(
                          Locale.ROOT,
                          "%.0f | %s",
                          summary.tokensPerSecond(),
                          summary.peakMebibytes().isPresent()
                              ? summary.peakMebibytes().getAsLong() + " MiB"
                              : "-"))
              .orElse("- | -"));
    }
  }

  /**
   * Trains and evaluates {@code candidates}.
   *
   * @param questions of the test set that are asked, from its first
   * @param overwrite whether what an earlier comparison left in the folder is replaced
   * @return the table in Markdown
   */
  public String run(List<Candidate> candidates, int questions, boolean overwrite)
      throws IOException {
    Path base = output.resolve("base");
    Converter.convert(samples.resolve("tiny-llama"), base, WeightDtype.FLOAT32, overwrite);
    Task task = Task.of("math");
    List<TaskItem> all = TaskFile.read(samples.resolve("word-problems").resolve("test.json"), task);
    List<TaskItem> items = all.subList(0, Math.min(questions, all.size()));
    List<Row> rows = new ArrayList<>();
    rows.add(new Row("base", Optional.empty(), score(base, Optional.empty(), task, items)));
    for (Candidate candidate : candidates) {
      log.info("training {}", candidate.name());
      Path run = output.resolve("compare").resolve(candidate.name().replaceAll("\\W+", "-"));
      train(candidate, base, run, overwrite);
      Score score;
      if (candidate.isFull()) {
        Path trained = run.resolveSibling("full-base");
        Converter.convert(run, trained, WeightDtype.FLOAT32, overwrite);
        score = score(trained, Optional.empty(), task, items);
      } else {
        score = score(base, Optional.of(run), task, items);
      }
      rows.add(new Row(candidate.name(), Optional.of(RunSummary.read(run)), score));
      log.info("{}", rows.get(rows.size() - 1).markdown());
    }
    List<String> lines =
        new ArrayList<>(
            List.of(
                "| adapter | trained values | share | accuracy (95 % interval) | tokens/s | peak"
                    + " memory |",
                "|---|---|---|---|---|---|"));
    rows.forEach(row -> lines.add(row.markdown()));
    return String.join(System.lineSeparator(), lines);
  }

  private Score score(Path model, Optional<Path> adapter, Task task, List<TaskItem> items)
      throws IOException {
    BaseModel base = BaseModel.open(model);
    try (Tokenizer tokenizer = base.requireTokenizer();
        Generator generator = Generator.open(base, adapter, Compile.OFF, session)) {
      GeneratingRespondent respondent =
          new GeneratingRespondent(
              generator, tokenizer, PromptTemplate.ALPACA, new GenerationConfig(40, 50));
      return new Evaluation(task, respondent).run(items, Optional.empty()).score();
    }
  }

  private void train(Candidate candidate, Path base, Path run, boolean overwrite)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add("org.llmadapters.training.cli.Main");
    command.addAll(List.of("train", "--model", base.toString(), "--output", run.toString()));
    command.addAll(
        List.of(
            "--data", samples.resolve("word-problems").resolve("train.json").toString(),
            "--cutoff-len", "112",
            "--batch-size", "32",
            "--micro-batch-size", "32",
            "--max-steps", String.valueOf(steps),
            "--lr-scheduler", "cosine",
            "--warmup-steps", "20",
            "--save-steps", "1000",
            "--compile", compile.name().toLowerCase(Locale.ROOT),
            "--device", session.device().toString()));
    command.addAll(candidate.options());
    if (overwrite) {
      command.add("--overwrite");
    }
    Files.createDirectories(run.getParent());
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().remove("LLM_ADAPTERS_STDERR");
    Process process = builder.start();
    try {
      int code = process.waitFor();
      if (code != 0) {
        throw new IllegalStateException(
            "training " + candidate.name() + " ended with exit code " + code + "; see above");
      }
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while training " + candidate.name(), e);
    }
  }
}
