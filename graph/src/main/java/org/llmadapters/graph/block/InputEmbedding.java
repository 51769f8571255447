package org.llmadapters.graph.block;

import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ModuleNames;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * What the first block reads: the embedding of each token; scaled, projected to the width of the
 * hidden states, added to the embedding of its position, and normed, each where the family does so.
 */
final class InputEmbedding {
  private final Modules modules;
  private final BlockSpec spec;
  private final ModelConfig config;

  InputEmbedding(Modules modules, BlockSpec spec, ModelConfig config) {
    this.modules = modules;
    this.spec = spec;
    this.config = config;
  }

  /**
   * The embedded tokens.
   *
   * @param inputIds int32 [B, T]
   * @param positionIds int32 [B, T]
   * @return dtype [B, T, H]
   */
  Operand<TFloating> apply(
      Operand<TInt32> inputIds, Operand<TInt32> positionIds, TokenShapes shapes) {
    ModuleNames.Model names = spec.names().model();
    long hiddenSize = config.sizes().hiddenSize();
    long embeddingSize = config.sizes().wordEmbedProjDim();
    Module tokens = modules.at(names.embedTokens());
    Operand<TFloating> x =
        new Embedding(tokens, config.sizes().vocabSize(), embeddingSize).apply(inputIds);
    if (spec.embedding().scaled()) {
      Ops tf = tokens.tf();
      x =
          tf.math.mul(
              x,
              TensorTypes.cast(
                  tf, tf.constant((float) Math.sqrt((double) hiddenSize)), tokens.dtype()));
    }
    if (names.projectIn() != null && embeddingSize != hiddenSize) {
      x =
          new Linear(
                  modules.at(names.projectIn()),
                  WeightLayout.OUT_IN,
                  embeddingSize,
                  hiddenSize,
                  false)
              .apply(x, shapes);
    }
    if (names.embedPositions() != null) {
      x = addPositions(modules.at(names.embedPositions()), x, positionIds);
    }
    return names.embedNorm() == null
        ? x
        : new Normalization(
                modules.at(names.embedNorm()), spec.norm(), hiddenSize, config.normEps())
            .apply(x);
  }

  private Operand<TFloating> addPositions(
      Module positions, Operand<TFloating> x, Operand<TInt32> positionIds) {
    Ops tf = positions.tf();
    int offset = spec.embedding().positionOffset();
    long rows = (long) config.sizes().maxPositionEmbeddings() + offset;
    return tf.math.add(
        x,
        new Embedding(positions, rows, config.sizes().hiddenSize())
            .apply(tf.math.add(positionIds, tf.constant(offset))));
  }
}
