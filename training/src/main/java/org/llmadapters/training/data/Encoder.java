package org.llmadapters.training.data;

/** Turns text into token ids, special tokens such as a leading {@code <s>} included. */
@FunctionalInterface
public interface Encoder {

  /** The ids of {@code text}. */
  int[] encode(String text);
}
