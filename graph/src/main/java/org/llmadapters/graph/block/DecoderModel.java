package org.llmadapters.graph.block;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.BlockSpec;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Builds the two graphs of a decoder over one set of variables:
 *
 * <ul>
 *   <li>{@code serving_default}: {@code input_ids}, {@code attention_mask} int32 [B, T] -> {@code
 *       logits} float32 [B, T, V];
 *   <li>{@code decode}: the next T tokens against a cache of S slots. {@code decode/input_ids}
 *       int32 [B, T], {@code decode/attention_mask} int32 [B, S] over all slots, {@code
 *       decode/cache_position} int32 [] (slot of the first of the T tokens), {@code
 *       decode/key_cache_<layer>} and {@code decode/value_cache_<layer>} dtype [B, K, S, D] ->
 *       {@code decode/logits} float32 [B, V] of the last of the T tokens, and the caches with the
 *       new tokens written into their slots.
 * </ul>
 *
 * <p>A mask is 1 at real tokens and 0 at padding, wherever the padding is. Positions count real
 * tokens only, so padding, left or right, never changes a real token's logits.
 */
public final class DecoderModel {
  private final ModelConfig config;
  private final BlockSpec spec;
  private final Variables variables;
  private final Ops root;

  private DecoderModel(Graph graph, BlockSpec spec, ModelConfig config, WeightDtype dtype) {
    this.config = config;
    this.spec = spec;
    this.root = Ops.create(graph);
    this.variables = new Variables(root.scope(), dtype);
  }

  /** The graph of a model wired as {@code spec} says, with weights of {@code dtype}. */
  public static BaseGraph build(BlockSpec spec, ModelConfig config, WeightDtype dtype) {
    try (Graph graph = new Graph()) {
      DecoderModel model = new DecoderModel(graph, spec, config, dtype);
      Map<String, SignatureDef> signatures = new LinkedHashMap<>();
      signatures.put("serving_default", model.buildFull());
      signatures.put("decode", model.buildDecode());
      return new BaseGraph(graph.toGraphDef(), model.variables.weights(), signatures);
    }
  }

  private SignatureDef buildFull() {
    Operand<TInt32> inputIds = placeholder(root, "input_ids", TInt32.class, -1, -1);
    Operand<TInt32> attentionMask = placeholder(root, "attention_mask", TInt32.class, -1, -1);
    Module module = new Module(root, "", variables);
    Ops tf = root.withSubScope("tokens");
    TokenShapes shapes = new TokenShapes(tf, inputIds);
    Operand<TInt32> positionIds =
        tf.withName("position_ids").identity(positions(tf, attentionMask));
    Operand<TInt32> columns = tf.range(tf.constant(0), shapes.tokens(), tf.constant(1)); // [T]
    TokenContext context = context(tf, shapes, positionIds, columns, columns, attentionMask);
    Operand<TFloating> hidden = hiddenStates(module, inputIds, context, null);
    Operand<TFloat32> logits = root.withName("logits").identity(logits(module, hidden, shapes));
    return new Signature()
        .input("input_ids", inputIds)
        .input("attention_mask", attentionMask)
        .output("logits", logits)
        .build();
  }

  private SignatureDef buildDecode() {
    Ops decode = root.withSubScope("decode");
    long headDim = config.attention().headDim();
    long keyValueHeads = config.attention().numKeyValueHeads();
    Operand<TInt32> inputIds = placeholder(decode, "input_ids", TInt32.class, -1, -1);
    Operand<TInt32> attentionMask = placeholder(decode, "attention_mask", TInt32.class, -1, -1);
    Operand<TInt32> cachePosition = placeholder(decode, "cache_position", TInt32.class);
    Signature signature =
        new Signature()
            .input("input_ids", inputIds)
            .input("attention_mask", attentionMask)
            .input("cache_position", cachePosition);

    Ops tf = decode.withSubScope("tokens");
    TokenShapes shapes = new TokenShapes(tf, inputIds);
    Operand<TInt32> slots = TokenShapes.size(tf, attentionMask, 1);
    KeyValueCache cache = new KeyValueCache(tf, cachePosition, shapes.tokens(), slots);
    List<SelfAttention.LayerCache> layers = new ArrayList<>();
    for (int layer = 0; layer < config.sizes().numHiddenLayers(); layer++) {
      Operand<TFloating> key =
          placeholder(
              decode,
              "key_cache_" + layer,
              TensorTypes.of(variables.dtype()),
              -1,
              keyValueHeads,
              -1,
              headDim);
      Operand<TFloating> value =
          placeholder(
              decode,
              "value_cache_" + layer,
              TensorTypes.of(variables.dtype()),
              -1,
              keyValueHeads,
              -1,
              headDim);
      signature.input("key_cache_" + layer, key).input("value_cache_" + layer, value);
      layers.add(new SelfAttention.LayerCache(cache, key, value));
    }

    Operand<TInt32> allSlots = tf.range(tf.constant(0), slots, tf.constant(1)); // [S]
    Operand<TInt32> columns =
        tf.math.add(
            tf.range(tf.constant(0), shapes.tokens(), tf.constant(1)), cachePosition); // [T]
    Operand<TInt32> positionIds =
        tf.withName("position_ids")
            .identity(tf.gather(positions(tf, attentionMask), columns, tf.constant(1)));
    TokenContext context = context(tf, shapes, positionIds, columns, allSlots, attentionMask);
    Module module = new Module(decode, "", variables);
    Operand<TFloating> hidden = hiddenStates(module, inputIds, context, layers);

    Operand<TInt32> lastColumn =
        tf.expandDims(tf.math.sub(shapes.tokens(), tf.constant(1)), tf.constant(0)); // [1]
    Operand<TFloating> last = tf.gather(hidden, lastColumn, tf.constant(1)); // [B, 1, H]
    Operand<TInt32> lastIds = tf.gather(inputIds, lastColumn, tf.constant(1)); // [B, 1]
    Operand<TFloat32> logits =
        logits(module, last, new TokenShapes(decode.withSubScope("last_token"), lastIds));
    signature.output(
        "logits",
        decode
            .withName("logits")
            .squeeze(logits, org.tensorflow.op.core.Squeeze.axis(List.of(1L))));
    for (int layer = 0; layer < layers.size(); layer++) {
      signature.output(
          "key_cache_" + layer,
          decode.withName("next_key_cache_" + layer).identity(cache.updated().get(2 * layer)));
      signature.output(
          "value_cache_" + layer,
          decode
              .withName("next_value_cache_" + layer)
              .identity(cache.updated().get(2 * layer + 1)));
    }
    return signature.build();
  }

  /**
   * Positions of real tokens counted from 0; padding gets some valid position that nothing looks
   * at: int32 [B, S].
   */
  private static Operand<TInt32> positions(Ops tf, Operand<TInt32> attentionMask) {
    Operand<TInt32> counted =
        tf.math.sub(tf.math.cumsum(attentionMask, tf.constant(1)), tf.constant(1));
    return tf.math.maximum(counted, tf.constant(0));
  }

  /**
   * @param columns int32 [T]: slots of the queries
   * @param slots int32 [S]: slots of the keys
   * @param attentionMask int32 [B, S]
   */
  private TokenContext context(
      Ops tf,
      TokenShapes shapes,
      Operand<TInt32> positionIds,
      Operand<TInt32> columns,
      Operand<TInt32> slots,
      Operand<TInt32> attentionMask) {
    Operand<TBool> causal =
        tf.math.greaterEqual(
            tf.expandDims(columns, tf.constant(-1)),
            tf.expandDims(slots, tf.constant(0))); // [T, S]
    Operand<TBool> real = tf.math.notEqual(attentionMask, tf.constant(0)); // [B, S]
    Operand<TBool> mask =
        tf.math.logicalAnd(
            tf.expandDims(tf.expandDims(real, tf.constant(1)), tf.constant(1)),
            causal); // [B, 1, T, S]
    RotaryEmbedding rotary =
        new RotaryEmbedding(
            tf, config.rope(), config.attention().headDim(), positionIds, variables.dtype());
    return new TokenContext(shapes, rotary, mask);
  }

  /** From ids to the output of the last norm: int32 [B, T] -> dtype [B, T, H]. */
  private Operand<TFloating> hiddenStates(
      Module root,
      Operand<TInt32> inputIds,
      TokenContext context,
      @Nullable List<SelfAttention.LayerCache> caches) {
    var names = spec.names().model();
    // "model" and "model.layers" are prefixes of several modules, but a scope may be opened only
    // once.
    Map<String, Module> opened = new LinkedHashMap<>();
    Module embedding = open(opened, root, names.embedTokens());
    Operand<TFloating> x =
        embedding
            .tf()
            .withName("output")
            .identity(
                embedding
                    .tf()
                    .gather(
                        embedding.parameter(
                            "weight", config.sizes().vocabSize(), config.sizes().hiddenSize()),
                        embedding.tf().withName("input").identity(inputIds),
                        embedding.tf().constant(0)));
    for (int layer = 0; layer < config.sizes().numHiddenLayers(); layer++) {
      Module block = open(opened, root, names.layers() + "." + layer);
      x =
          new DecoderBlock(block, spec, config)
              .apply(x, context, caches == null ? null : caches.get(layer));
    }
    Module norm = open(opened, root, names.norm());
    return new Normalization(norm, spec.norm(), config.sizes().hiddenSize(), config.rmsNormEps())
        .apply(x);
  }

  private static Module open(Map<String, Module> opened, Module root, String path) {
    Module module = root;
    String prefix = "";
    for (String name : path.split("\\.", -1)) {
      Module parent = module;
      prefix = prefix.isEmpty() ? name : prefix + "." + name;
      module = opened.computeIfAbsent(prefix, key -> parent.child(name));
    }
    return module;
  }

  /** dtype [B, T, H] -> float32 [B, T, V]. */
  private Operand<TFloat32> logits(Module root, Operand<TFloating> hidden, TokenShapes shapes) {
    var names = spec.names().model();
    String weight = (config.tieWordEmbeddings() ? names.embedTokens() : names.lmHead()) + ".weight";
    Module head = root.child(names.lmHead());
    Operand<TFloating> output =
        new Linear(head, weight, config.sizes().hiddenSize(), config.sizes().vocabSize(), false)
            .apply(hidden, shapes);
    return head.tf().dtypes.cast(output, TFloat32.class);
  }

  @SuppressWarnings("unchecked")
  private static <T extends org.tensorflow.types.family.TType> Operand<T> placeholder(
      Ops tf, String name, Class<? extends T> type, long... shape) {
    return tf.withName(name).placeholder((Class<T>) type, Placeholder.shape(Shape.of(shape)));
  }
}
