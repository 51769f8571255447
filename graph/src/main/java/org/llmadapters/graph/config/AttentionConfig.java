package org.llmadapters.graph.config;

import java.util.List;
import org.llmadapters.graph.config.ModelConfig.NamedSize;

/**
 * Heads of the attention, and how far they look.
 *
 * @param numAttentionHeads {@code num_attention_heads}, query heads
 * @param numKeyValueHeads {@code num_key_value_heads}; fewer than query heads is grouped-query
 *     attention
 * @param headDim {@code head_dim}, width of one head
 * @param windows for each layer the number of tokens that a query sees, itself included, or {@link
 *     #NO_WINDOW}; an empty list if all layers see everything
 */
public record AttentionConfig(
    int numAttentionHeads, int numKeyValueHeads, int headDim, List<Integer> windows) {
  /** The window of a layer whose queries see all tokens before them. */
  public static final int NO_WINDOW = 0;

  public AttentionConfig {
    windows = List.copyOf(windows);
    ModelConfig.requirePositive(
        List.of(
            new NamedSize("num_attention_heads", numAttentionHeads, 1024),
            new NamedSize("num_key_value_heads", numKeyValueHeads, 1024),
            new NamedSize("head_dim", headDim, 4096)));
    if (numAttentionHeads % numKeyValueHeads != 0) {
      throw new IllegalArgumentException(
          "num_attention_heads ("
              + numAttentionHeads
              + ") must be a multiple of num_key_value_heads ("
              + numKeyValueHeads
              + ")");
    }
    for (int window : windows) {
      if (window < 0) {
        throw new IllegalArgumentException("a sliding window must be >= 1, got " + window);
      }
    }
  }

  /** Without windows. */
  public AttentionConfig(int numAttentionHeads, int numKeyValueHeads, int headDim) {
    this(numAttentionHeads, numKeyValueHeads, headDim, List.of());
  }

  /** The window of {@code layer} in tokens, or {@link #NO_WINDOW}. */
  public int window(int layer) {
    return windows.isEmpty() ? NO_WINDOW : windows.get(layer);
  }

  void requireWindowPerLayer(int numHiddenLayers) {
    if (!windows.isEmpty() && windows.size() != numHiddenLayers) {
      throw new IllegalArgumentException(
          "the attention of each of the "
              + numHiddenLayers
              + " layers must be described, got "
              + windows.size());
    }
  }

  /**
   * Query heads that share one key/value head: {@code num_attention_heads / num_key_value_heads}.
   */
  public int queryGroups() {
    return numAttentionHeads / numKeyValueHeads;
  }
}
