package org.llmadapters.eval.task;

import java.util.List;

/**
 * One question of a task.
 *
 * @param instruction the question
 * @param input what it refers to, mostly empty
 * @param answer the label: what a right answer is compared with
 * @param choices the answers to choose from, one of them the label's; empty if they were not read
 */
public record TaskItem(String instruction, String input, String answer, List<Choice> choices) {
  public TaskItem {
    choices = List.copyOf(choices);
  }

  /** A question to be answered freely. */
  public TaskItem(String instruction, String input, String answer) {
    this(instruction, input, answer, List.of());
  }
}
