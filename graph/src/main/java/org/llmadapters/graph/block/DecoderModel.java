package org.llmadapters.graph.block;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.graph.spec.Residual;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.Squeeze;
import org.tensorflow.proto.AttrValue;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

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
 * <p>In the full graph, P slots may lie before the tokens, for keys and values that an adapter
 * brings: P is 0 unless an adapter takes the place of the constant {@link Sites#PAST}.
 *
 * <p>A mask is 1 at real tokens and 0 at padding, wherever the padding is. Positions count real
 * tokens only, so padding, left or right, never changes a real token's logits.
 */
public final class DecoderModel {
  /** What the cached keys are called in the decode signature, before the layer's number. */
  static final String KEY_CACHE = "key_cache_";

  /** What the cached values are called in the decode signature, before the layer's number. */
  static final String VALUE_CACHE = "value_cache_";

  private final ModelConfig config;
  private final BlockSpec spec;
  private final LayerCopies copies;
  private final Variables variables;
  private final Ops root;

  private DecoderModel(Graph graph, BlockSpec spec, ModelConfig config, WeightDtype dtype) {
    this.config = config;
    this.spec = spec;
    this.copies =
        new LayerCopies(
            spec.names().model().layers(), config.attention(), config.sizes().numHiddenLayers());
    this.root = Ops.create(graph);
    this.variables = new Variables(root.scope(), dtype);
  }

  /** The graph of a model wired as {@code spec} says, with weights of {@code dtype}. */
  public static BaseGraph build(BlockSpec spec, ModelConfig config, WeightDtype dtype) {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      DecoderModel model = new DecoderModel(graph, spec, config, dtype);
      SignatureDef full = model.buildFull();
      Signature decode = model.buildDecode();
      GraphDef.Builder complete = model.copies.complete(graph.toGraphDef()).toBuilder();
      model.addCacheOutputs(complete, decode);
      return new BaseGraph(
          complete.build(),
          model.copies.complete(model.variables.weights()),
          Map.of("serving_default", full, "decode", decode.build()));
    }
  }

  private SignatureDef buildFull() {
    Operand<TInt32> inputIds = placeholder(root, "input_ids", TInt32.class, -1, -1);
    Operand<TInt32> attentionMask = placeholder(root, "attention_mask", TInt32.class, -1, -1);
    Module module = new Module(root, "", variables);
    Ops tf = root.withSubScope("tokens");
    TokenShapes shapes = new TokenShapes(tf, inputIds);
    Operand<TInt32> past = tf.withName("past").constant(0);
    Operand<TInt32> slots = tf.math.add(past, shapes.tokens()); // S = P + T
    Operand<TInt32> keyMask =
        tf.concat(
            List.of(
                tf.fill(tf.stack(List.of(shapes.batch(), past)), tf.constant(1)), attentionMask),
            tf.constant(1)); // [B, S]
    Operand<TInt32> allSlots = tf.range(tf.constant(0), slots, tf.constant(1)); // [S]
    Operand<TInt32> columns = tf.range(past, slots, tf.constant(1)); // [T]
    Operand<TInt32> slotPositions = positions(tf, keyMask); // [B, S]
    Operand<TInt32> positionIds =
        tf.withName("position_ids").identity(tf.gather(slotPositions, columns, tf.constant(1)));
    TokenContext context =
        new TokenContext(
            shapes,
            rotary(tf, positionIds, slots),
            alibi(tf, slotPositions),
            new CausalMasks(tf, columns, allSlots, keyMask, positionIds, slotPositions)::of);
    Operand<TFloating> hidden = hiddenStates(module, inputIds, positionIds, context, List.of());
    Operand<TFloat32> logits = root.withName("logits").identity(logits(module, hidden, shapes));
    return new Signature()
        .input("input_ids", inputIds)
        .input("attention_mask", attentionMask)
        .output("logits", logits)
        .build();
  }

  /** The decode graph, and its signature but for the caches that it gives. */
  private Signature buildDecode() {
    Ops decode = root.withSubScope("decode");
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
      Operand<TFloating> key = cachePlaceholder(decode, KEY_CACHE + layer);
      Operand<TFloating> value = cachePlaceholder(decode, VALUE_CACHE + layer);
      signature.input(KEY_CACHE + layer, key).input(VALUE_CACHE + layer, value);
      layers.add(new SelfAttention.LayerCache(cache, key, value));
    }

    Operand<TInt32> allSlots = tf.range(tf.constant(0), slots, tf.constant(1)); // [S]
    Operand<TInt32> columns =
        tf.math.add(
            tf.range(tf.constant(0), shapes.tokens(), tf.constant(1)), cachePosition); // [T]
    Operand<TInt32> slotPositions = positions(tf, attentionMask); // [B, S]
    Operand<TInt32> positionIds =
        tf.withName("position_ids").identity(tf.gather(slotPositions, columns, tf.constant(1)));
    TokenContext context =
        new TokenContext(
            shapes,
            rotary(tf, positionIds, slots),
            alibi(tf, slotPositions),
            new CausalMasks(tf, columns, allSlots, attentionMask, positionIds, slotPositions)::of);
    Module module = new Module(decode, "", variables);
    Operand<TFloating> hidden = hiddenStates(module, inputIds, positionIds, context, layers);

    Operand<TInt32> lastColumn =
        tf.expandDims(tf.math.sub(shapes.tokens(), tf.constant(1)), tf.constant(0)); // [1]
    Operand<TFloating> last = tf.gather(hidden, lastColumn, tf.constant(1)); // [B, 1, H]
    Operand<TInt32> lastIds = tf.gather(inputIds, lastColumn, tf.constant(1)); // [B, 1]
    Operand<TFloat32> logits =
        logits(module, last, new TokenShapes(decode.withSubScope("last_token"), lastIds));
    return signature.output(
        "logits", decode.withName("logits").squeeze(logits, Squeeze.axis(List.of(1L))));
  }

  private Operand<TFloating> cachePlaceholder(Ops decode, String name) {
    return placeholder(
        decode,
        name,
        TensorTypes.of(variables.dtype()),
        -1,
        config.attention().numKeyValueHeads(),
        -1,
        config.attention().headDim());
  }

  /** The nodes {@code decode/next_key_cache_<layer>} and so on, to be fetched, and their names. */
  private void addCacheOutputs(GraphDef.Builder graph, Signature signature) {
    Shape shape =
        Shape.of(-1, config.attention().numKeyValueHeads(), -1, config.attention().headDim());
    for (int layer = 0; layer < config.sizes().numHiddenLayers(); layer++) {
      String attention =
          (spec.names().model().layers() + "." + layer + "." + spec.names().block().attention())
              .replace('.', '/');
      Map<String, String> sources =
          Map.of(
              KEY_CACHE, SelfAttention.NEXT_KEY,
              VALUE_CACHE, SelfAttention.NEXT_VALUE);
      for (String cache : List.of(KEY_CACHE, VALUE_CACHE)) {
        NodeDef node =
            NodeDef.newBuilder()
                .setName("decode/next_" + cache + layer)
                .setOp("Identity")
                .addInput("decode/" + attention + "/" + sources.get(cache))
                .putAttr("T", AttrValue.newBuilder().setType(variables.dtype().dataType()).build())
                .build();
        graph.addNode(node);
        signature.output(cache + layer, node.getName(), variables.dtype().dataType(), shape);
      }
    }
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
   * @param positionIds int32 [B, T]
   * @param length int32 []: S
   */
  private @Nullable RotaryEmbedding rotary(
      Ops tf, Operand<TInt32> positionIds, Operand<TInt32> length) {
    return config
        .rope()
        .map(
            rope ->
                new RotaryEmbedding(
                    tf,
                    rope,
                    spec.positions() == PositionEncoding.ROTARY_INTERLEAVED,
                    config.attention().headDim(),
                    positionIds,
                    length,
                    variables.dtype()))
        .orElse(null);
  }

  /**
   * @param keyPositions int32 [B, S]
   */
  private @Nullable AlibiBias alibi(Ops tf, Operand<TInt32> keyPositions) {
    return spec.positions() == PositionEncoding.ALIBI
        ? new AlibiBias(tf, config.attention().numAttentionHeads(), keyPositions)
        : null;
  }

  /**
   * From ids to what the projection to the vocabulary reads: int32 [B, T] -> dtype [B, T, E].
   *
   * @param caches of all layers, or none
   */
  private Operand<TFloating> hiddenStates(
      Module root,
      Operand<TInt32> inputIds,
      Operand<TInt32> positionIds,
      TokenContext context,
      List<SelfAttention.LayerCache> caches) {
    var names = spec.names().model();
    var sizes = config.sizes();
    Modules modules = new Modules(root);
    Operand<TFloating> x =
        new InputEmbedding(modules, spec, config).apply(inputIds, positionIds, context.shapes());
    for (int layer : copies.originals()) {
      x =
          new DecoderBlock(modules.at(names.layers() + "." + layer), spec, config, layer)
              .apply(x, context, caches.isEmpty() ? null : caches.get(layer));
    }
    if (config.residual() != Residual.NORM_AFTER) {
      x =
          new Normalization(
                  modules.at(names.norm()), spec.norm(), sizes.hiddenSize(), config.normEps())
              .apply(x);
    }
    return names.projectOut() == null || sizes.wordEmbedProjDim() == sizes.hiddenSize()
        ? x
        : new Linear(
                modules.at(names.projectOut()),
                WeightLayout.OUT_IN,
                sizes.hiddenSize(),
                sizes.wordEmbedProjDim(),
                false)
            .apply(x, context.shapes());
  }

  /** dtype [B, T, E] -> float32 [B, T, V]. */
  private Operand<TFloat32> logits(Module root, Operand<TFloating> hidden, TokenShapes shapes) {
    var names = spec.names().model();
    String weight = (config.tieWordEmbeddings() ? names.embedTokens() : names.lmHead()) + ".weight";
    Module head = root.child(names.lmHead());
    Operand<TFloating> output =
        new Linear(
                head,
                weight,
                WeightLayout.OUT_IN,
                config.sizes().wordEmbedProjDim(),
                config.sizes().vocabSize(),
                spec.lmHeadBias())
            .apply(hidden, shapes);
    return head.tf().dtypes.cast(output, TFloat32.class);
  }

  @SuppressWarnings("unchecked")
  private static <T extends TType> Operand<T> placeholder(
      Ops tf, String name, Class<? extends T> type, long... shape) {
    return tf.withName(name).placeholder((Class<T>) type, Placeholder.shape(Shape.of(shape)));
  }
}
