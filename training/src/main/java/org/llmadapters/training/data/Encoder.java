package org.llmadapters.training.data;

/** Turns text into token ids. */
@FunctionalInterface
public interface Encoder {

  /**
   * The ids of {@code text}.
   *
   * @param addSpecialTokens adds what the tokenizer puts around a text, such as a leading {@code
   *     <s>}
   */
  int[] encode(String text, boolean addSpecialTokens);
}
