package org.llmadapters.eval;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.llmadapters.eval.report.Results;
import org.llmadapters.eval.report.ResultsFolder;
import org.llmadapters.eval.report.TaskResult;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Some tasks, asked of a base model with one stack of adapters after the other. */
final class EvaluationRun {
  private static final Logger LOG = LoggerFactory.getLogger(EvaluationRun.class);

  private final List<AdapterStack> stacks;
  private final List<TaskData> tasks;

  EvaluationRun(List<AdapterStack> stacks, List<TaskData> tasks) {
    this.stacks = List.copyOf(stacks);
    this.tasks = List.copyOf(tasks);
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
   * Asks all that {@code folder} has no answers to yet, and writes the results.
   *
   * @param respondent has all the stacks
   */
  Results run(Respondent respondent, ResultsFolder folder, TrainingOverlap overlap)
      throws IOException {
    List<Integer> truncated = requireFit(respondent);
    folder.begin();
    List<TaskResult> results = new ArrayList<>();
    for (AdapterStack stack : stacks) {
      respondent.use(stack.name());
      for (TaskData task : tasks) {
        LOG.info(
            "{} with {}: {} of {}",
            task.task().name(),
            stack.name(),
            results.size() + 1,
            stacks.size() * tasks.size());
        Evaluation.Report report =
            new Evaluation(task.task(), respondent)
                .resume(task.items(), folder.predictions(stack.name(), task.task().name()));
        report
            .speed()
            .ifPresent(
                speed ->
                    LOG.info("{} with {}: {}", task.task().name(), stack.name(), speed.text()));
        results.add(
            TaskResult.of(
                stack.name(),
                task.task(),
                report.predictions(),
                overlap.count(stack, task),
                truncated.get(results.size()),
                report.speed()));
      }
    }
    Results all = new Results(results);
    folder.write(all);
    return all;
  }

  /**
   * Checks all prompts: that one of the last task is too long should not show after all others are
   * done.
   *
   * @return how many will be cut, for every task of every stack
   * @throws IllegalArgumentException if some are too long and shall not be cut, naming their tasks
   */
  List<Integer> requireFit(Respondent respondent) {
    Set<String> problems = new LinkedHashSet<>();
    List<Integer> truncated = new ArrayList<>();
    for (AdapterStack stack : stacks) {
      respondent.use(stack.name());
      for (TaskData task : tasks) {
        try {
          truncated.add(respondent.requireFit(task.task(), task.items()));
        } catch (IllegalArgumentException e) {
          problems.add(task.task().name() + ": " + e.getMessage());
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          String.join("\n", problems)
              + "\nOr give --truncate, which leaves out the first tokens of what is too long");
    }
    return truncated;
  }
}
