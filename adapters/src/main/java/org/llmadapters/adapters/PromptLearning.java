package org.llmadapters.adapters;

import org.llmadapters.graph.config.ModelConfig;

/**
 * What prefix tuning, prompt tuning and P-tuning have in common: how many virtual tokens there are,
 * and for which sizes of a model, as {@code adapter_config.json} says it.
 *
 * @param numVirtualTokens {@code num_virtual_tokens}
 * @param numLayers {@code num_layers} of the model
 * @param tokenDim {@code token_dim}: width of what a virtual token is to the model; for a prefix K
 *     * D, the width of a layer's keys
 * @param numAttentionHeads {@code num_attention_heads}; for a prefix K
 */
public record PromptLearning(
    int numVirtualTokens, int numLayers, int tokenDim, int numAttentionHeads) {
  /** More would leave no room for a text in any model. */
  public static final int MAX_VIRTUAL_TOKENS = 1 << 16;

  public PromptLearning {
    requirePositive("num_virtual_tokens", numVirtualTokens, MAX_VIRTUAL_TOKENS);
    requirePositive("num_layers", numLayers, 1024);
    requirePositive("token_dim", tokenDim, 1 << 17);
    requirePositive("num_attention_heads", numAttentionHeads, 1 << 12);
  }

  static void requirePositive(String name, int value, int max) {
    if (value < 1 || value > max) {
      throw new IllegalArgumentException(name + " must be between 1 and " + max + ", got " + value);
    }
  }

  /** Keys and values before those of every layer. */
  public static PromptLearning ofKeysAndValues(int numVirtualTokens, ModelConfig model) {
    int heads = model.attention().numKeyValueHeads();
    return new PromptLearning(
        numVirtualTokens,
        model.sizes().numHiddenLayers(),
        heads * model.attention().headDim(),
        heads);
  }

  /** Embeddings before those of the tokens. */
  public static PromptLearning ofEmbeddings(int numVirtualTokens, ModelConfig model) {
    return new PromptLearning(
        numVirtualTokens,
        model.sizes().numHiddenLayers(),
        model.sizes().wordEmbedProjDim(),
        model.attention().numAttentionHeads());
  }
}
