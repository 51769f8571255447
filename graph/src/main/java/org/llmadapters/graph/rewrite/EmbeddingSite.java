package org.llmadapters.graph.rewrite;

import org.llmadapters.graph.config.WeightDtype;

/**
 * Where tokens become vectors: the embedding of ids in one of the model's graphs.
 *
 * @param module path of the embedding in the checkpoint: {@code model.embed_tokens}
 * @param scope {@code ""} in the full graph, {@code "decode/"} in the decode graph
 * @param rows V, number of tokens
 * @param width E, of a token's vector
 * @param dtype of the vectors
 */
public record EmbeddingSite(String module, String scope, long rows, long width, WeightDtype dtype) {
  static final String INPUT = "/input";

  /** The Identity node that the lookup reads: int32 [B, T]. */
  public String input() {
    return path() + INPUT;
  }

  /** The Identity node that everything behind the lookup reads: dtype [B, T, E]. */
  public String output() {
    return path() + "/output";
  }

  /** {@code <scope><module with / for .>}. */
  public String path() {
    return scope + module.replace('.', '/');
  }
}
