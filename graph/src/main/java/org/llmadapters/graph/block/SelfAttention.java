package org.llmadapters.graph.block;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.spec.BlockSpec;
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
 *   q, k, v = heads of q_proj(x), k_proj(x), v_proj(x), or of the three parts of one projection;
 *             q and k normed where the family does so, and turned where positions are rotary
 *   o_proj(softmax(q k^T / sqrt(D) where mask, plus ALiBi, in float32) v)
 * </pre>
 *
 * <p>A site: the nodes {@code <path>/key} and {@code <path>/value}, dtype [B, K, S, D], and {@code
 * <path>/mask}, bool [B, 1, T, S], are what prefix adapters extend.
 */
final class SelfAttention {
  /** Name of the node with a layer's cached keys and the new ones among them. */
  static final String NEXT_KEY = "next_key_cache";

  /** Name of the node with a layer's cached values and the new ones among them. */
  static final String NEXT_VALUE = "next_value_cache";

  /**
   * Score of a key that must not be seen. Far below any real score, and finite: a row with no key
   * at all (padding) then gives a uniform mixture in place of NaN.
   */
  private static final float MASKED_SCORE = -1e9f;

  private final Module module;
  private final BlockSpec spec;
  private final ModelConfig model;
  private final AttentionConfig config;
  private final int window;

  /**
   * @param window how many tokens a query sees, or {@link AttentionConfig#NO_WINDOW}
   */
  SelfAttention(Module module, BlockSpec spec, ModelConfig model, int window) {
    this.module = module;
    this.spec = spec;
    this.model = model;
    this.config = model.attention();
    this.window = window;
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
    long width = (long) config.numAttentionHeads() * config.headDim();
    ModuleNames.Attention names = spec.names().attention();
    Heads heads = project(x, context.shapes());
    Operand<TFloating> query =
        headsFirst(place(heads.query(), names.queryNorm(), context)); // [B, N, T, D]
    Operand<TFloating> key = headsFirst(place(heads.key(), names.keyNorm(), context));
    Operand<TFloating> value = headsFirst(heads.value()); // [B, K, T, D]
    if (cache != null) {
      key = tf.withName(NEXT_KEY).identity(cache.slots().write(tf, cache.key(), key));
      value = tf.withName(NEXT_VALUE).identity(cache.slots().write(tf, cache.value(), value));
    }
    key = tf.withName("key").identity(key); // [B, K, S, D]
    value = tf.withName("value").identity(value);
    Operand<TBool> mask = tf.withName("mask").identity(context.masks().apply(window));

    Operand<TFloating> mixed = attend(query, key, value, mask, context); // [B, N, T, D]
    Operand<TFloating> joined =
        tf.reshape(
            tf.linalg.transpose(mixed, tf.constant(new int[] {0, 2, 1, 3})),
            context.shapes().hidden(width));
    return linear(
            names.output(), width, model.sizes().hiddenSize(), model.biases().attentionOutput())
        .apply(joined, context.shapes());
  }

  /**
   * What the projections give.
   *
   * @param query dtype [B, T, N, D]
   * @param key dtype [B, T, K, D]
   * @param value dtype [B, T, K, D]
   */
  private record Heads(
      Operand<TFloating> query, Operand<TFloating> key, Operand<TFloating> value) {}

  private Heads project(Operand<TFloating> x, TokenShapes shapes) {
    Ops tf = module.tf();
    ModuleNames.Attention names = spec.names().attention();
    int heads = config.numAttentionHeads();
    int headDim = config.headDim();
    return switch (spec.attention().projections()) {
      case SEPARATE ->
          new Heads(
              tf.reshape(projection(names.query(), heads, x, shapes), shapes.heads(heads, headDim)),
              keyOrValue(Objects.requireNonNull(names.key()), x, shapes),
              keyOrValue(Objects.requireNonNull(names.value()), x, shapes));
      case FUSED_BY_HEAD -> {
        Operand<TFloating> fused =
            tf.reshape(
                projection(names.query(), 3 * heads, x, shapes), shapes.heads(heads, 3L * headDim));
        var parts = tf.split(tf.constant(-1), fused, 3L).output();
        yield new Heads(parts.get(0), parts.get(1), parts.get(2));
      }
      case FUSED_IN_BLOCKS -> {
        Operand<TFloating> fused =
            tf.reshape(
                projection(names.query(), 3 * heads, x, shapes), shapes.heads(3L * heads, headDim));
        var parts = tf.split(tf.constant(2), fused, 3L).output();
        yield new Heads(parts.get(0), parts.get(1), parts.get(2));
      }
    };
  }

  private Operand<TFloating> keyOrValue(String name, Operand<TFloating> x, TokenShapes shapes) {
    int heads = config.numKeyValueHeads();
    return module
        .tf()
        .reshape(projection(name, heads, x, shapes), shapes.heads(heads, config.headDim()));
  }

  /** dtype [B, T, H] -> [B, T, heads * D]. */
  private Operand<TFloating> projection(
      String name, int heads, Operand<TFloating> x, TokenShapes shapes) {
    return linear(
            name,
            model.sizes().hiddenSize(),
            (long) heads * config.headDim(),
            model.biases().queryKeyValue())
        .apply(x, shapes);
  }

  private Linear linear(String name, long in, long out, boolean bias) {
    return new Linear(module.child(name), spec.weights(), in, out, bias);
  }

  /** Queries or keys, normed and turned: dtype [B, T, heads, D]. */
  private Operand<TFloating> place(
      Operand<TFloating> heads, @Nullable String norm, TokenContext context) {
    Operand<TFloating> normed =
        norm == null
            ? heads
            : new Normalization(module.child(norm), spec.norm(), config.headDim(), model.normEps())
                .apply(heads);
    return context.rotary() == null ? normed : context.rotary().rotate(module.tf(), normed);
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
   * product, whose broadcasting variant is a reference kernel, 20 times as slow. For the same
   * reason ALiBi is added after it.
   */
  private Operand<TFloating> attend(
      Operand<TFloating> query,
      Operand<TFloating> key,
      Operand<TFloating> value,
      Operand<TBool> mask,
      TokenContext context) {
    Ops tf = module.tf();
    TokenShapes shapes = context.shapes();
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
    Operand<TFloat32> scores = tf.dtypes.cast(products, TFloat32.class);
    if (spec.attention().scaled()) {
      scores = tf.math.mul(scores, tf.constant((float) (1 / Math.sqrt((double) headDim))));
    }
    scores = tf.select(mask, scores, tf.constant(MASKED_SCORE));
    if (context.alibi() != null) {
      scores = tf.math.add(scores, context.alibi().bias());
    }
    Operand<TFloating> weights = TensorTypes.cast(tf, tf.nn.softmax(scores), module.dtype());
    if (grouped) {
      weights =
          tf.reshape(
              weights,
              tf.stack(
                  List.of(
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
