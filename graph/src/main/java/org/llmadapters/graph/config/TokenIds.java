package org.llmadapters.graph.config;

import java.util.List;
import java.util.OptionalInt;

/**
 * Token ids with a meaning of their own.
 *
 * @param bos {@code bos_token_id}, begins a text
 * @param eos {@code eos_token_id}: any of them ends a text
 * @param pad {@code pad_token_id}
 */
public record TokenIds(OptionalInt bos, List<Integer> eos, OptionalInt pad) {

  public TokenIds {
    eos = List.copyOf(eos);
  }

  /**
   * The id to fill rows with: {@code pad} where the checkpoint names one, else the first of {@code
   * eos}, as transformers' {@code generate} does, else 0.
   */
  public int padding() {
    return pad.orElse(eos.isEmpty() ? 0 : eos.get(0));
  }

  void requireBelow(int vocabSize) {
    bos.ifPresent(id -> requireBelow("bos_token_id", id, vocabSize));
    eos.forEach(id -> requireBelow("eos_token_id", id, vocabSize));
    pad.ifPresent(id -> requireBelow("pad_token_id", id, vocabSize));
  }

  private static void requireBelow(String name, int id, int vocabSize) {
    if (id < 0 || id >= vocabSize) {
      throw new IllegalArgumentException(
          name + " must be between 0 and vocab_size - 1 = " + (vocabSize - 1) + ", got " + id);
    }
  }
}
