package org.llmadapters.eval;

import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskItem;

/** A model that answers the items of tasks in some way; it may have several stacks of adapters. */
public interface Respondent {

  /** Is told how answering goes on. */
  @FunctionalInterface
  interface Listener {
    /**
     * Some items are answered. Called by one thread at a time.
     *
     * @throws UncheckedIOException if the answers cannot be kept; nothing more is answered then
     */
    void answered(List<Prediction> predictions);
  }

  /**
   * Answers with the adapters of the stack called {@code name} from now on.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  void use(String name);

  /** What the model is asked. */
  String prompt(Task task, TaskItem item);

  /**
   * Checks, before any work, that {@code items} can be answered with the adapters in use.
   *
   * @return how many of them are too long for the model and will be cut
   * @throws IllegalArgumentException if they are too long and shall not be cut
   */
  int requireFit(Task task, List<TaskItem> items);

  /**
   * Answers {@code items}.
   *
   * @param items by their index in the task
   */
  void answer(Task task, Map<Integer, TaskItem> items, Listener listener);
}
