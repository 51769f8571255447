package org.llmadapters.conversion.tokenizer;

import java.util.OptionalInt;

/** Text to token ids and back, as the tokenizer that came with a checkpoint does it. */
public interface Tokenizer extends AutoCloseable {

  /**
   * The ids of {@code text}. Special tokens that are written out in it, such as {@code </s>},
   * become their ids where the checkpoint lists them.
   *
   * @param addSpecialTokens also adds what the checkpoint says, usually BOS at the start
   */
  int[] encode(String text, boolean addSpecialTokens);

  /**
   * The text of {@code ids}. An id at or above {@link #vocabSize} stands for nothing: models often
   * have more rows than their tokenizer has tokens.
   *
   * @param skipSpecialTokens leaves out tokens such as BOS and EOS
   * @throws IllegalArgumentException if an id is negative
   */
  String decode(int[] ids, boolean skipSpecialTokens);

  /** The id that begins a text, if the tokenizer's files name one. */
  OptionalInt bosId();

  /** The id that ends a text, if the tokenizer's files name one. */
  OptionalInt eosId();

  /** The id that fills up a text, if the tokenizer's files name a {@code pad_token}. */
  OptionalInt padId();

  /** One more than the largest id. */
  int vocabSize();

  /** Frees native memory. */
  @Override
  void close();
}
