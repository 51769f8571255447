package org.llmadapters.eval.task;

import java.util.Optional;

/** How a task finds the answer in a response and decides whether it is right. */
public interface AnswerRule {

  /** The answer in {@code response}; empty if there is none, which is a wrong answer. */
  Optional<String> extract(String response);

  /**
   * Whether an answer that {@link #extract} found is the right one.
   *
   * @param label one that {@link #acceptsLabel} accepts
   */
  boolean matches(String extracted, String label);

  /** Whether {@code label} can be compared with an answer of this task. */
  boolean acceptsLabel(String label);

  /** What {@link #acceptsLabel} accepts, for messages: {@code a number such as 576 or 576.0}. */
  String expectedLabel();
}
