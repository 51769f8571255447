package org.llmadapters.graph.config;

import java.util.List;
import org.llmadapters.graph.config.ModelConfig.NamedSize;

/**
 * Widths, depth and vocabulary of a decoder. The upper limits are far above any published model;
 * they keep a corrupt {@code config.json} from asking for absurd amounts of memory.
 *
 * @param vocabSize {@code vocab_size}, rows of the embedding matrix
 * @param hiddenSize {@code hidden_size}, width of the residual stream
 * @param intermediateSize {@code intermediate_size}, width inside the MLP
 * @param numHiddenLayers {@code num_hidden_layers}, decoder blocks
 * @param maxPositionEmbeddings {@code max_position_embeddings}, the longest sequence in tokens the
 *     model was made for
 * @param wordEmbedProjDim {@code word_embed_proj_dim}, width of the embedding matrix where it
 *     differs from the residual stream
 */
public record Sizes(
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int maxPositionEmbeddings,
    int wordEmbedProjDim) {

  /** With embeddings as wide as the residual stream. */
  public Sizes(
      int vocabSize,
      int hiddenSize,
      int intermediateSize,
      int numHiddenLayers,
      int maxPositionEmbeddings) {
    this(
        vocabSize,
        hiddenSize,
        intermediateSize,
        numHiddenLayers,
        maxPositionEmbeddings,
        hiddenSize);
  }

  public Sizes {
    ModelConfig.requirePositive(
        List.of(
            new NamedSize("vocab_size", vocabSize, 1 << 24),
            new NamedSize("hidden_size", hiddenSize, 1 << 17),
            new NamedSize("intermediate_size", intermediateSize, 1 << 19),
            new NamedSize("num_hidden_layers", numHiddenLayers, 1024),
            new NamedSize("max_position_embeddings", maxPositionEmbeddings, 1 << 26)));
    if (wordEmbedProjDim != hiddenSize) {
      ModelConfig.requirePositive(
          List.of(new NamedSize("word_embed_proj_dim", wordEmbedProjDim, 1 << 17)));
    }
  }
}
