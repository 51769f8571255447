package org.llmadapters.graph.block;

import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.spec.BlockSpec;
import org.tensorflow.Operand;
import org.tensorflow.types.family.TFloating;

/**
 * One decoder block, the same for all families:
 *
 * <pre>
 *   x --+-- input_layernorm --- self_attn --- + --+-- post_attention_layernorm --- mlp --- + --
 *       |                                     |   |                                        |
 *       +-------------------------------------+   +----------------------------------------+
 * </pre>
 */
final class DecoderBlock {
  private final Module module;
  private final BlockSpec spec;
  private final ModelConfig config;

  DecoderBlock(Module module, BlockSpec spec, ModelConfig config) {
    this.module = module;
    this.spec = spec;
    this.config = config;
  }

  /**
   * The block's output.
   *
   * @param x dtype [B, T, H]
   * @param cache the layer's cached keys and values, or null
   * @return dtype [B, T, H]
   */
  Operand<TFloating> apply(
      Operand<TFloating> x, TokenContext context, SelfAttention.@Nullable LayerCache cache) {
    var names = spec.names();
    long hiddenSize = config.sizes().hiddenSize();
    var attention =
        new SelfAttention(
            module.child(names.block().attention()),
            names.attention(),
            config.attention(),
            hiddenSize);
    var mlp =
        new Mlp(
            module.child(names.block().mlp()),
            names.mlp(),
            spec.activation(),
            hiddenSize,
            config.sizes().intermediateSize());

    Operand<TFloating> attended =
        attention.apply(norm(names.block().inputLayernorm(), x), context, cache);
    Operand<TFloating> between = module.tf().math.add(x, attended);
    Operand<TFloating> transformed =
        mlp.apply(norm(names.block().postAttentionLayernorm(), between), context.shapes());
    return module.tf().math.add(between, transformed);
  }

  private Operand<TFloating> norm(String name, Operand<TFloating> x) {
    return new Normalization(
            module.child(name), spec.norm(), config.sizes().hiddenSize(), config.rmsNormEps())
        .apply(x);
  }
}
