package org.llmadapters.graph.spec;

import com.google.errorprone.annotations.Immutable;

/**
 * What is the same in all checkpoints of a family: how its blocks are wired and what their modules
 * are called. What differs from checkpoint to checkpoint stands in {@code ModelConfig}.
 *
 * @param norm of all normalisations
 * @param positions how a token's position enters
 * @param attention how scores come about
 * @param embedding between the token embedding and the first block
 * @param weights layout of the linear layers inside the blocks
 * @param lmHeadBias whether the projection to the vocabulary has a bias
 * @param names of the modules
 */
@Immutable
public record BlockSpec(
    Norm norm,
    PositionEncoding positions,
    Attention attention,
    Embedding embedding,
    WeightLayout weights,
    boolean lmHeadBias,
    ModuleNames names) {

  /**
   * Scores of the attention.
   *
   * @param projections layout of queries, keys and values
   * @param scaled whether the scores are divided by {@code sqrt(head_dim)}
   */
  @Immutable
  public record Attention(Projections projections, boolean scaled) {}

  /**
   * What happens to an embedding.
   *
   * @param scaled whether it is multiplied by {@code sqrt(hidden_size)}, rounded to the model's
   *     dtype
   * @param positionOffset row of the learned positions that belongs to position 0
   */
  @Immutable
  public record Embedding(boolean scaled, int positionOffset) {
    /** Taken as it is. */
    public static final Embedding PLAIN = new Embedding(false, 0);
  }
}
