package org.llmadapters.graph.rewrite;

import org.llmadapters.graph.config.WeightDtype;

/**
 * A place where keys and values can be put before those of the tokens: one attention in one of the
 * model's graphs.
 *
 * @param module path of the attention in the checkpoint: {@code model.layers.0.self_attn}
 * @param scope {@code ""} in the full graph, {@code "decode/"} in the decode graph
 * @param layer its number
 * @param numKeyValueHeads K
 * @param headDim D
 * @param dtype of keys and values
 */
public record AttentionSite(
    String module,
    String scope,
    int layer,
    long numKeyValueHeads,
    long headDim,
    WeightDtype dtype) {
  static final String KEY = "/key";
  static final String VALUE = "/value";

  /** The Identity node that attention reads keys from: dtype [B, K, S, D]. */
  public String key() {
    return path() + KEY;
  }

  /** The Identity node that attention reads values from: dtype [B, K, S, D]. */
  public String value() {
    return path() + VALUE;
  }

  /** {@code <scope><module with / for .>}. */
  public String path() {
    return scope + module.replace('.', '/');
  }
}
