package org.llmadapters.eval.prompt;

import java.util.List;

/**
 * A conversation as one text, and where in it the assistant speaks.
 *
 * <pre>
 *   &lt;|user|&gt;2 + 3?&lt;/s&gt;&lt;|assistant|&gt;5&lt;/s&gt;&lt;|user|&gt;Twice?&lt;/s&gt;&lt;|assistant|&gt;10&lt;/s&gt;
 *                                   ^^^^^                                       ^^^^^^
 * </pre>
 *
 * @param text all turns, special tokens written out
 * @param turns the assistant's, in order: what a model has to write, the end of the turn included
 */
public record ChatText(String text, List<Turn> turns) {
  public ChatText {
    turns = List.copyOf(turns);
  }

  /**
   * A part of the text.
   *
   * @param start its first character
   * @param end one more than its last
   */
  public record Turn(int start, int end) {}
}
