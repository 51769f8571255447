package org.llmadapters.graph.spec;

import com.google.errorprone.annotations.Immutable;

/**
 * Which linear layers of a block have a bias.
 *
 * @param queryKeyValue the projections to queries, keys and values
 * @param attentionOutput the projection back from the heads
 * @param mlp all projections of the MLP
 */
@Immutable
public record Biases(boolean queryKeyValue, boolean attentionOutput, boolean mlp) {
  /** No layer has one. */
  public static final Biases NONE = new Biases(false, false, false);

  /** All layers have one. */
  public static final Biases ALL = new Biases(true, true, true);

  /** The same MLP, and an attention with biases everywhere or nowhere. */
  public Biases withAttention(boolean bias) {
    return new Biases(bias, bias, mlp);
  }

  /** The same attention, and an MLP with biases everywhere or nowhere. */
  public Biases withMlp(boolean bias) {
    return new Biases(queryKeyValue, attentionOutput, bias);
  }
}
