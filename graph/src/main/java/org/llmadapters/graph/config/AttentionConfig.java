package org.llmadapters.graph.config;

import java.util.List;
import org.llmadapters.graph.config.ModelConfig.NamedSize;

/**
 * Heads of the attention.
 *
 * @param numAttentionHeads {@code num_attention_heads}, query heads
 * @param numKeyValueHeads {@code num_key_value_heads}; fewer than query heads is grouped-query
 *     attention
 * @param headDim {@code head_dim}, width of one head
 * @param attentionBias {@code attention_bias}: q, k, v and o projections have a bias
 */
public record AttentionConfig(
    int numAttentionHeads, int numKeyValueHeads, int headDim, boolean attentionBias) {

  public AttentionConfig {
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
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException(
          "head_dim must be even for rotary positions, got " + headDim);
    }
  }

  /**
   * Query heads that share one key/value head: {@code num_attention_heads / num_key_value_heads}.
   */
  public int queryGroups() {
    return numAttentionHeads / numKeyValueHeads;
  }
}
