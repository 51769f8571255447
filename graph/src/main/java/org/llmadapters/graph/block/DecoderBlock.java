package org.llmadapters.graph.block;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.rewrite.BlockSite;
import org.llmadapters.graph.spec.BlockSpec;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.family.TFloating;

/**
 * One decoder block, the same for all families; n1 and n2 are its norms.
 *
 * <pre>
 *   SEQUENTIAL            x --+-- n1 -- attention -- + --+-- n2 -- mlp -- + --
 *                             +----------------------+   +----------------+
 *
 *   PARALLEL_ONE_NORM     x --+-- n1 --+-- attention -- + -- + --
 *                             |        +-- mlp ---------+    |
 *                             +------------------------------+
 *
 *   PARALLEL_TWO_NORMS    the same, with mlp behind an n2 of its own
 *
 *   NORM_AFTER            x --+-- attention -- + -- n1 --+-- mlp -- + -- n2 --
 *                             +----------------+         +----------+
 * </pre>
 *
 * <p>A site: the nodes {@code <path>/hidden_states} and {@code <path>/output} are its input and its
 * output.
 */
final class DecoderBlock {
  private final Module module;
  private final BlockSpec spec;
  private final ModelConfig config;
  private final int layer;

  DecoderBlock(Module module, BlockSpec spec, ModelConfig config, int layer) {
    this.module = module;
    this.spec = spec;
    this.config = config;
    this.layer = layer;
  }

  /**
   * The block's output.
   *
   * @param input dtype [B, T, H]
   * @param cache the layer's cached keys and values, or null
   * @return dtype [B, T, H]
   */
  Operand<TFloating> apply(
      Operand<TFloating> input, TokenContext context, SelfAttention.@Nullable LayerCache cache) {
    Ops tf = module.tf();
    Operand<TFloating> x = tf.withName(BlockSite.INPUT).identity(input);
    Operand<TFloating> y =
        switch (config.residual()) {
          case SEQUENTIAL -> {
            Operand<TFloating> between =
                tf.math.add(x, attention(attentionNorm(x), context, cache));
            yield tf.math.add(between, mlp(mlpNorm(between), context));
          }
          case PARALLEL_ONE_NORM -> {
            Operand<TFloating> normed = attentionNorm(x);
            yield tf.math.add(
                tf.math.add(attention(normed, context, cache), mlp(normed, context)), x);
          }
          case PARALLEL_TWO_NORMS ->
              tf.math.add(
                  tf.math.add(
                      attention(attentionNorm(x), context, cache), mlp(mlpNorm(x), context)),
                  x);
          case NORM_AFTER -> {
            Operand<TFloating> between =
                attentionNorm(tf.math.add(x, attention(x, context, cache)));
            yield mlpNorm(tf.math.add(between, mlp(between, context)));
          }
        };
    return tf.withName(BlockSite.OUTPUT).identity(y);
  }

  private Operand<TFloating> attention(
      Operand<TFloating> x, TokenContext context, SelfAttention.@Nullable LayerCache cache) {
    return new SelfAttention(
            module.descendant(spec.names().block().attention()),
            spec,
            config,
            config.attention().window(layer))
        .apply(x, context, cache);
  }

  private Operand<TFloating> mlp(Operand<TFloating> x, TokenContext context) {
    String name = spec.names().block().mlp();
    return new Mlp(name.isEmpty() ? module : module.descendant(name), spec, config)
        .apply(x, context.shapes());
  }

  private Operand<TFloating> attentionNorm(Operand<TFloating> x) {
    return norm(spec.names().block().attentionNorm(), x);
  }

  private Operand<TFloating> mlpNorm(Operand<TFloating> x) {
    return norm(Objects.requireNonNull(spec.names().block().mlpNorm()), x);
  }

  private Operand<TFloating> norm(String name, Operand<TFloating> x) {
    return new Normalization(
            module.child(name), spec.norm(), config.sizes().hiddenSize(), config.normEps())
        .apply(x);
  }
}
