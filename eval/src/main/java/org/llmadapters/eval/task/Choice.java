package org.llmadapters.eval.task;

/**
 * One of the answers that an item offers.
 *
 * @param answer what the item's label is compared with: {@code solution1}, {@code B}
 * @param text what a model is asked the likelihood of: {@code the correct answer is solution1}
 * @param continuation {@code text} as it follows the prompt, that is with a space before it where
 *     the prompt does not end a line
 */
public record Choice(String answer, String text, String continuation) {
  /** A choice that follows the prompt as it is. */
  public Choice(String answer, String text) {
    this(answer, text, text);
  }
}
