package org.llmadapters.graph.block;

import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.spec.ModuleNames;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/**
 * Causal self-attention, with grouped queries where there are fewer key/value heads than query
 * heads:
 *
 * <pre>
 *   q, k, v = heads of q_proj(x), k_proj(x), v_proj(x), q and k turned by their positions
 *   o_proj(softmax(q k^T / sqrt(D) where mask, in float32) v)
 * </pre>
 *
 * <p>A site: the nodes {@code <path>/key} and {@code <path>/value}, dtype [B, K, S, D], and {@code
 * <path>/mask}, bool [B, 1, T, S], are what prefix adapters extend.
 */
final class SelfAttention {
  /**
   * Score of a key that must not be seen. Far below any real score, and finite: a row with no key
   * at all (padding) then gives a uniform mixture in place of NaN.
   */
  private static final float MASKED_SCORE = -1e9f;

  private final Module module;
  private final ModuleNames.Attention names;
  private final AttentionConfig config;
  private final long hiddenSize;

  SelfAttention(
      Module module, ModuleNames.Attention names, AttentionConfig config, long hiddenSize) {
    this.module = module;
    this.names = names;
    this.config = config;
    this.hiddenSize = hiddenSize;
  }

  /**
   * The attention's output, before the residual addition.
   *
   * @param x dtype [B, T, H]
   * @param cache the layer's cached keys and values, or null where the T tokens are all there is
   * @return dtype [B, T, H]
   */
  Operand<TFloating> apply(Operand<TFloating> x, TokenContext context, @Nullable LayerCache cache) {
    Ops tf = module.tf();
    long headDim = config.headDim();
    Operand<TFloating> query =
        headsFirst(
            context
                .rotary()
                .rotate(tf, project(names.query(), x, config.numAttentionHeads(), context)));
    Operand<TFloating> key =
        headsFirst(
            context
                .rotary()
                .rotate(tf, project(names.key(), x, config.numKeyValueHeads(), context)));
    Operand<TFloating> value =
        headsFirst(project(names.value(), x, config.numKeyValueHeads(), context));
    if (cache != null) {
      key = cache.slots().write(tf, cache.key(), key); // [B, K, S, D]
      value = cache.slots().write(tf, cache.value(), value);
    }
    key = tf.withName("key").identity(key);
    value = tf.withName("value").identity(value);
    Operand<TBool> mask = tf.withName("mask").identity(context.mask());

    Operand<TFloating> mixed = attend(query, key, value, mask, context.shapes()); // [B, N, T, D]
    Operand<TFloating> joined =
        tf.reshape(
            tf.linalg.transpose(mixed, tf.constant(new int[] {0, 2, 1, 3})),
            context.shapes().hidden(config.numAttentionHeads() * headDim));
    return new Linear(
            module.child(names.output()),
            config.numAttentionHeads() * headDim,
            hiddenSize,
            config.attentionBias())
        .apply(joined, context.shapes());
  }

  /** dtype [B, T, H] -> [B, T, heads, D]. */
  private Operand<TFloating> project(
      String name, Operand<TFloating> x, int heads, TokenContext context) {
    Linear linear =
        new Linear(
            module.child(name),
            hiddenSize,
            (long) heads * config.headDim(),
            config.attentionBias());
    return module
        .tf()
        .reshape(
            linear.apply(x, context.shapes()), context.shapes().heads(heads, config.headDim()));
  }

  /** [B, T, heads, D] -> [B, heads, T, D]. */
  private Operand<TFloating> headsFirst(Operand<TFloating> heads) {
    return module.tf().linalg.transpose(heads, module.tf().constant(new int[] {0, 2, 1, 3}));
  }

  /**
   * The queries that share a key/value head are put under each other, so that keys and values are
   * never repeated in memory.
   *
   * <p>The mask enters by select: adding it to the scores would be fused into oneDNN's matrix
   * product, whose broadcasting variant is a reference kernel, 20 times as slow.
   */
  private Operand<TFloating> attend(
      Operand<TFloating> query,
      Operand<TFloating> key,
      Operand<TFloating> value,
      Operand<TBool> mask,
      TokenShapes shapes) {
    Ops tf = module.tf();
    boolean grouped = config.queryGroups() > 1;
    long headDim = config.headDim();
    Operand<TFloating> rows =
        grouped
            ? tf.reshape(query, shapes.groupedQueries(config.numKeyValueHeads(), headDim))
            : query; // [B, K, G * T, D]
    Operand<TFloating> products = BatchProduct.of(tf, rows, key, true); // [B, K, G * T, S]
    if (grouped) {
      products =
          tf.reshape(products, shapes.headsFirst(config.numAttentionHeads(), -1)); // [B, N, T, S]
    }
    Operand<TFloat32> scores =
        tf.math.mul(
            tf.dtypes.cast(products, TFloat32.class),
            tf.constant((float) (1 / Math.sqrt((double) headDim))));
    Operand<TFloating> weights =
        TensorTypes.cast(
            tf, tf.nn.softmax(tf.select(mask, scores, tf.constant(MASKED_SCORE))), module.dtype());
    if (grouped) {
      weights =
          tf.reshape(
              weights,
              tf.stack(
                  java.util.List.of(
                      shapes.batch(),
                      tf.constant(config.numKeyValueHeads()),
                      tf.math.mul(shapes.tokens(), tf.constant(config.queryGroups())),
                      tf.constant(-1))));
    }
    Operand<TFloating> mixed = BatchProduct.of(tf, weights, value, false); // [B, K, G * T, D]
    return grouped
        ? tf.reshape(mixed, shapes.headsFirst(config.numAttentionHeads(), headDim))
        : mixed;
  }

  /**
   * One layer's share of the cache.
   *
   * @param slots where new tokens go
   * @param key dtype [B, K, S, D]
   * @param value dtype [B, K, S, D]
   */
  record LayerCache(KeyValueCache slots, Operand<TFloating> key, Operand<TFloating> value) {}
}
