package org.llmadapters.graph.spec;

import com.google.errorprone.annotations.Immutable;
import org.jspecify.annotations.Nullable;

/**
 * Module names of a family, as in its Hugging Face checkpoints. A parameter's name is the module's
 * path, a dot, and {@code weight} or {@code bias}. A module that a family does not have is null.
 *
 * @param model the modules outside the blocks, with their full paths
 * @param block the modules of one block, relative to it
 * @param attention the modules of the attention, relative to it
 * @param mlp the projections, relative to the MLP module
 */
@Immutable
public record ModuleNames(Model model, Block block, Attention attention, Mlp mlp) {

  /**
   * Modules outside the blocks.
   *
   * @param embedTokens the token embedding
   * @param embedPositions the learned positions
   * @param embedNorm the norm after the embedding
   * @param layers the list of blocks: block 3 is {@code layers + ".3"}
   * @param norm the norm after the last block
   * @param lmHead the projection to the vocabulary
   * @param projectIn from the width of the embedding to the hidden states, where they differ
   * @param projectOut back from there
   */
  @Immutable
  public record Model(
      String embedTokens,
      @Nullable String embedPositions,
      @Nullable String embedNorm,
      String layers,
      String norm,
      String lmHead,
      @Nullable String projectIn,
      @Nullable String projectOut) {

    /** With rotary positions and nothing between embedding and blocks. */
    public static Model plain(String embedTokens, String layers, String norm, String lmHead) {
      return new Model(embedTokens, null, null, layers, norm, lmHead, null, null);
    }
  }

  /**
   * Modules of a block.
   *
   * @param attentionNorm the norm of the attention
   * @param attention the attention
   * @param mlpNorm the norm of the MLP; null where attention and MLP share one
   * @param mlp the MLP; empty if its projections belong to the block itself
   */
  @Immutable
  public record Block(
      String attentionNorm, String attention, @Nullable String mlpNorm, String mlp) {}

  /**
   * Modules of the attention.
   *
   * @param query from hidden states to queries, or to queries, keys and values where they are fused
   * @param key from hidden states to keys; null where fused
   * @param value from hidden states to values; null where fused
   * @param output from the heads' results back to hidden states
   * @param queryNorm the norm of each query head
   * @param keyNorm the norm of each key head
   */
  @Immutable
  public record Attention(
      String query,
      @Nullable String key,
      @Nullable String value,
      String output,
      @Nullable String queryNorm,
      @Nullable String keyNorm) {

    /** Three projections. */
    public static Attention separate(String query, String key, String value, String output) {
      return new Attention(query, key, value, output, null, null);
    }

    /** One projection for queries, keys and values. */
    public static Attention fused(String queryKeyValue, String output) {
      return new Attention(queryKeyValue, null, null, output, null, null);
    }
  }

  /**
   * Projections of an MLP: {@code down(activation(gate(x)) * up(x))}, or {@code
   * down(activation(up(x)))} where there is no gate.
   *
   * @param gate H to F, through the activation
   * @param up H to F
   * @param down F to H
   */
  @Immutable
  public record Mlp(@Nullable String gate, String up, String down) {}
}
