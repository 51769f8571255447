package org.llmadapters.eval;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.report.Results;
import org.llmadapters.eval.report.ResultsFolder;
import org.llmadapters.eval.report.TaskResult;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Some tasks, asked of a base model with one stack of adapters after the other. */
final class EvaluationRun {
  private static final Logger LOG = LoggerFactory.getLogger(EvaluationRun.class);

  private final PromptTemplate template;
  private final GenerationConfig generation;
  private final List<AdapterStack> stacks;
  private final List<TaskData> tasks;

  EvaluationRun(
      PromptTemplate template,
      GenerationConfig generation,
      List<AdapterStack> stacks,
      List<TaskData> tasks) {
    this.template = template;
    this.generation = generation;
    this.stacks = List.copyOf(stacks);
    this.tasks = List.copyOf(tasks);
  }

  /**
   * What the predictions depend on, for {@link ResultsFolder}.
   *
   * @param limit items of each task, 0 for all
   */
  ObjectNode settings(BaseModel base, int limit) throws IOException {
    return EvaluationSettings.of(base, template, generation, limit, stacks, tasks);
  }

  /** Warns of test items that adapters were trained on. */
  void warn(TrainingOverlap overlap) throws IOException {
    for (AdapterStack stack : stacks) {
      for (TaskData task : tasks) {
        int count = overlap.count(stack, task).orElse(0);
        if (count > 0) {
          LOG.warn(
              "{} of {} items of {} occur in the training data of {}",
              count,
              task.items().size(),
              task.task().name(),
              stack.name());
        }
      }
    }
  }

  /**
   * What came of it.
   *
   * @param generated items answered now, not before an interruption
   * @param tokens of them
   * @param seconds for them
   */
  record Report(Results results, int generated, long tokens, double seconds) {
    /** Items and tokens per second. */
    String speed() {
      return generated == 0
          ? "all answers were there"
          : String.format(
              Locale.ROOT, "%.2f items/s, %.0f tokens/s", generated / seconds, tokens / seconds);
    }
  }

  /**
   * Asks all that {@code folder} has no answers to yet, and writes the results.
   *
   * @param generator has all the stacks
   */
  Report run(
      Generator generator, Tokenizer tokenizer, ResultsFolder folder, TrainingOverlap overlap)
      throws IOException {
    requireFit(generator, tokenizer);
    folder.begin();
    List<TaskResult> results = new ArrayList<>();
    int generated = 0;
    long tokens = 0;
    double seconds = 0;
    for (AdapterStack stack : stacks) {
      generator.use(stack.name());
      for (TaskData task : tasks) {
        LOG.info(
            "{} with {}: {} of {}",
            task.task().name(),
            stack.name(),
            results.size() + 1,
            stacks.size() * tasks.size());
        Evaluation.Report report =
            new Evaluation(task.task(), template, generation)
                .resume(
                    generator,
                    tokenizer,
                    task.items(),
                    folder.predictions(stack.name(), task.task().name()));
        generated += report.predictions().size() - report.earlier();
        tokens += report.tokens();
        seconds += report.seconds();
        results.add(
            TaskResult.of(
                stack.name(), task.task(), report.predictions(), overlap.count(stack, task)));
      }
    }
    Results all = new Results(results);
    folder.write(all);
    return new Report(all, generated, tokens, seconds);
  }

  /** That a prompt of the last task is too long should not show after all others are done. */
  private void requireFit(Generator generator, Tokenizer tokenizer) {
    Set<String> problems = new LinkedHashSet<>();
    for (TaskData task : tasks) {
      List<int[]> prompts =
          task.items().stream()
              .map(item -> tokenizer.encode(task.task().prompt(item, template), true))
              .toList();
      for (AdapterStack stack : stacks) {
        generator.use(stack.name());
        try {
          generator.requireFit(prompts, generation.maxNewTokens());
        } catch (IllegalArgumentException e) {
          problems.add(task.task().name() + ": " + e.getMessage());
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("\n", problems));
    }
  }
}
