package org.llmadapters.eval.task;

import java.util.List;

/** Where the instructions of a task list the answers to choose from. */
public interface ChoiceList {

  /**
   * The answers that {@code instruction} lists, in its order.
   *
   * @return empty if it lists none in the form that is looked for
   */
  List<Listed> in(String instruction);

  /** The form that is looked for, for messages. */
  String expected();

  /** What a right response says: {@code the correct answer is solution1}. */
  String response(String answer);

  /**
   * One of the answers listed.
   *
   * @param answer {@code solution1}
   * @param option what it stands for
   */
  record Listed(String answer, String option) {}
}
