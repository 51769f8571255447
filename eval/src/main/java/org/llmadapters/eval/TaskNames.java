package org.llmadapters.eval;

import java.util.Iterator;
import org.llmadapters.eval.task.Task;

/** The names that {@code --task} takes, for its description. */
final class TaskNames implements Iterable<String> {
  @Override
  public Iterator<String> iterator() {
    return Task.names().iterator();
  }
}
