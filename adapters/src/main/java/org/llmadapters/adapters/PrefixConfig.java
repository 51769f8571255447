package org.llmadapters.adapters;

import java.util.OptionalInt;

/**
 * Prefix tuning: every layer's attention looks at P trained keys and values before those of the
 * tokens. They stand as {@code prompt_embeddings} [P, 2 * L * K * D], where entry 2l of a row is
 * layer l's key and entry 2l + 1 its value, each [K, D]. Keys are used as they are, not turned by
 * rotary positions; real tokens have the positions from P on.
 *
 * <p>With {@code prefix_projection} they are trained as {@code W2 tanh(W1 e + b1) + b2} of P
 * vectors e [token_dim], with W1 [encoder_hidden_size, token_dim]; only the result is stored.
 *
 * <p>Source: Li and Liang 2021, arXiv:2101.00190; PEFT, {@code tuners/prefix_tuning/model.py}.
 *
 * @param prompt P, and the model's L, K * D and K
 * @param encoderHiddenSize {@code encoder_hidden_size} where {@code prefix_projection} is true
 * @param layout where in a row the layers' keys and values lie
 */
public record PrefixConfig(PromptLearning prompt, OptionalInt encoderHiddenSize, Layout layout)
    implements AdapterConfig {

  public PrefixConfig {
    if (encoderHiddenSize.isPresent()) {
      PromptLearning.requirePositive("encoder_hidden_size", encoderHiddenSize.getAsInt(), 1 << 17);
    }
  }

  /** Where in a row of {@code prompt_embeddings} the layers' keys and values lie. */
  public enum Layout {
    /** Entry 2l is layer l's key, entry 2l + 1 its value; both [P, K, D]. */
    LAYER_BY_LAYER,
    /**
     * The same, but for BLOOM: there entry l is layer l's key, entry L + l its value, and the
     * numbers of a key, [P, K, D], are read as [K, D, P]. So did transformers before 4.44,
     * LLM-Adapters' time included.
     */
    OLD_TRANSFORMERS
  }

  @Override
  public AdapterKind kind() {
    return AdapterKind.PREFIX;
  }
}
