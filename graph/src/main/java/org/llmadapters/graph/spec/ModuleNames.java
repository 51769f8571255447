package org.llmadapters.graph.spec;

import com.google.errorprone.annotations.Immutable;

/**
 * Module names of a family, as in its Hugging Face checkpoints. A parameter's name is the module's
 * path, a dot, and {@code weight} or {@code bias}.
 *
 * @param model the modules outside the blocks, with their full paths
 * @param block the modules of one block, relative to it
 * @param attention the projections, relative to the attention module
 * @param mlp the projections, relative to the MLP module
 */
@Immutable
public record ModuleNames(Model model, Block block, Attention attention, Mlp mlp) {

  /**
   * Modules outside the blocks.
   *
   * @param embedTokens the token embedding
   * @param layers the list of blocks: block 3 is {@code layers + ".3"}
   * @param norm the norm after the last block
   * @param lmHead the projection to the vocabulary
   */
  @Immutable
  public record Model(String embedTokens, String layers, String norm, String lmHead) {}

  /**
   * Modules of a block.
   *
   * @param inputLayernorm the norm in front of the attention
   * @param attention the attention
   * @param postAttentionLayernorm the norm in front of the MLP
   * @param mlp the MLP
   */
  @Immutable
  public record Block(
      String inputLayernorm, String attention, String postAttentionLayernorm, String mlp) {}

  /**
   * Projections of the attention.
   *
   * @param query from hidden states to queries
   * @param key from hidden states to keys
   * @param value from hidden states to values
   * @param output from the heads' results back to hidden states
   */
  @Immutable
  public record Attention(String query, String key, String value, String output) {}

  /**
   * Projections of a gated MLP: {@code down(activation(gate(x)) * up(x))}.
   *
   * @param gate H to F, through the activation
   * @param up H to F
   * @param down F to H
   */
  @Immutable
  public record Mlp(String gate, String up, String down) {}
}
