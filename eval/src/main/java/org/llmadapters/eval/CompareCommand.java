package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.eval.report.Comparison;
import org.llmadapters.eval.report.ResultsFolder;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.PredictionsFile;
import org.llmadapters.eval.task.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters compare}. */
@Command(
    name = "compare",
    description = "Tells whether one of two models is better on the same items, or lucky.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters compare --task gsm8k --predictions base.jsonl --predictions lora.jsonl",
      "  llm-adapters compare --predictions results/predictions/base --predictions results/predictions/lora"
    })
public final class CompareCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--predictions",
      paramLabel = "PATH",
      required = true,
      description =
          "Give it twice: two files, or two folders with TASK.jsonl in them, of which the tasks that both have are compared.")
  private List<Path> predictions = new ArrayList<>();

  @Option(
      names = "--task",
      paramLabel = "NAME",
      completionCandidates = TaskNames.class,
      description = "Needed for files: ${COMPLETION-CANDIDATES}.")
  private @Nullable String task;

  @Override
  public Integer call() throws IOException {
    if (predictions.size() != 2) {
      throw new IllegalArgumentException(
          "--predictions: expected two files or folders to compare, got " + predictions.size());
    }
    Map<String, Path> first = files(predictions.get(0));
    Map<String, Path> second = files(predictions.get(1));
    first.keySet().retainAll(second.keySet());
    if (first.isEmpty()) {
      throw new IllegalArgumentException(
          predictions.get(0) + " and " + predictions.get(1) + ": have no task in common");
    }
    List<String> lines = new ArrayList<>();
    lines.add("A: " + predictions.get(0));
    lines.add("B: " + predictions.get(1));
    Comparison total = new Comparison(0, 0, 0, 0);
    for (Map.Entry<String, Path> file : first.entrySet()) {
      Path other = Objects.requireNonNull(second.get(file.getKey()));
      Task published = Task.of(file.getKey());
      Comparison comparison = compare(file.getValue(), other, published);
      lines.addAll(lines(published.name(), comparison));
      total = total.plus(comparison);
      if (published.corrected().isPresent()) {
        Task corrected =
            new Task(published.name() + ", corrected rule", published.corrected().get());
        lines.addAll(lines(corrected.name(), compare(file.getValue(), other, corrected)));
      }
    }
    if (first.size() > 1) {
      lines.addAll(lines("all tasks", total));
    }
    lines.forEach(Objects.requireNonNull(spec).commandLine().getOut()::println);
    return 0;
  }

  /** What is to be compared of {@code path}, by task. */
  private Map<String, Path> files(Path path) throws IOException {
    String only = task;
    if (!Files.isDirectory(path)) {
      if (only == null) {
        throw new IllegalArgumentException(
            path + ": a file does not say which task it answers; give --task NAME");
      }
      return new TreeMap<>(Map.of(only, path));
    }
    Map<String, Path> files = new TreeMap<>(ResultsFolder.predictions(path));
    if (only != null) {
      files.keySet().retainAll(List.of(only));
    }
    return files;
  }

  private static Comparison compare(Path first, Path second, Task task) throws IOException {
    List<Prediction> answers = PredictionsFile.read(first, task);
    try {
      return Comparison.of(answers, PredictionsFile.read(second, task));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(first + " and " + second + ": " + e.getMessage(), e);
    }
  }

  private static List<String> lines(String name, Comparison comparison) {
    double p = comparison.pValue();
    return List.of(
        ScoreCommand.line(name + ", A", comparison.first()),
        ScoreCommand.line(name + ", B", comparison.second()),
        String.format(
            Locale.ROOT,
            "%s: both right %d, only A %d, only B %d, neither %d; exact McNemar test p = %s",
            name,
            comparison.both(),
            comparison.onlyFirst(),
            comparison.onlySecond(),
            comparison.neither(),
            String.format(Locale.ROOT, p < 1e-4 ? "%.1e" : "%.4f", p)));
  }
}
