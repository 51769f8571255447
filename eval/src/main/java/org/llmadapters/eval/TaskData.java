package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.eval.task.ChoiceForm;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskFile;
import org.llmadapters.eval.task.TaskItem;

/**
 * A task with its questions.
 *
 * @param file where they come from
 * @param items one or more
 */
record TaskData(Task task, Path file, List<TaskItem> items) {
  TaskData {
    items = List.copyOf(items);
  }

  /**
   * Reads the first {@code limit} questions in {@code file}, all if it is 0.
   *
   * @param form what their choices are, if they shall have some
   * @throws org.llmadapters.graph.FormatException if they are malformed
   */
  static TaskData read(Task task, Path file, int limit, Optional<ChoiceForm> form)
      throws IOException {
    List<TaskItem> items =
        form.isPresent() ? TaskFile.readChoices(file, task, form.get()) : TaskFile.read(file, task);
    return new TaskData(
        task, file, limit > 0 && limit < items.size() ? items.subList(0, limit) : items);
  }

  /**
   * Reads {@code TASK/test.json} in {@code directory} for each task.
   *
   * @throws org.llmadapters.graph.FormatException if there are not all of them, listing those that
   *     are missing, or one is malformed
   */
  static List<TaskData> readAll(
      List<Task> tasks, Path directory, int limit, Optional<ChoiceForm> form) throws IOException {
    Problems problems = new Problems();
    for (Task task : tasks) {
      if (!Files.isRegularFile(file(task, directory))) {
        problems.add("%s/test.json", task.name());
      }
    }
    problems.throwIfAny(
        directory,
        problems.counted("test set") + " missing",
        "Put them there, as in the folder dataset/ of LLM-Adapters, or name the others with --task");
    List<TaskData> data = new ArrayList<>();
    for (Task task : tasks) {
      data.add(read(task, file(task, directory), limit, form));
    }
    return data;
  }

  private static Path file(Task task, Path directory) {
    return directory.resolve(task.name()).resolve("test.json");
  }
}
