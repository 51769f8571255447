package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.block.TokenShapes;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Operation;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Max;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.core.ReduceAll;
import org.tensorflow.op.core.ReduceAny;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

/**
 * One step of generation as a function {@code state, constants -> state, constants}, and whether
 * another step follows. The first step takes the whole prompt, every later one the token that the
 * one before chose.
 *
 * <pre>
 *   state      input_ids       int32 [B, T], then [B, 1]: what the model reads next
 *              cache_position  int32 []: the slot of the first of them
 *              key_cache_0, value_cache_0, key_cache_1, ...  dtype [B, K, S, D]
 *              step            int32 []: tokens chosen so far
 *              finished        bool [B]: the row has an end token
 *              lengths         int32 [B]: tokens chosen for the row, its end token included
 *              tokens          int32 [B, N]: the tokens chosen, padding after the end of a row
 *   constants  attention_mask  int32 [B, S]: the prompt's, then 1 for all slots that follow it,
 *                              which causality keeps out of sight until they are written
 *              limit           int32 []: tokens to choose, at most N
 *              end_ids         int32 [E]: any of them ends a row
 *              pad_id          int32 []
 *              uniforms        float32 [B, N], if tokens are drawn: a random number for each step
 *              prompt          int32 [B, T], if repetitions are penalised: the prompt's tokens,
 *                              one of them in place of padding
 *              the values of all variables
 * </pre>
 *
 * The constants are returned too because a loop needs a body that returns what it takes.
 */
final class DecodeStep implements AutoCloseable {
  private final GraphFunction step;
  private final GraphFunction another;
  private final List<Weight> variables;
  private final int layers;
  private final int virtualTokens;

  private DecodeStep(
      GraphFunction step,
      GraphFunction another,
      List<Weight> variables,
      int layers,
      int virtualTokens) {
    this.step = step;
    this.another = another;
    this.variables = variables;
    this.layers = layers;
    this.virtualTokens = virtualTokens;
  }

  /**
   * Builds the functions out of a model's {@code decode} graph; caller closes.
   *
   * @param flat a base graph, or one with an adapter in it
   * @param layers {@code num_hidden_layers}
   */
  static DecodeStep of(GraphDef flat, int layers, SamplingConfig sampling) {
    DecodeBody decode = DecodeBody.of(flat, layers);
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(decode.graphDef());
      List<Operand<?>> inputs = new ArrayList<>();
      List<Operand<?>> outputs = new ArrayList<>();
      connect(graph, decode, sampling, inputs, outputs);
      inputs.addAll(decode.variables(graph));
      outputs.addAll(decode.variables(graph));
      GraphFunction step = GraphFunction.of("decode_step", inputs, outputs, graph);
      return new DecodeStep(
          step,
          another(step, stateSize(layers)),
          decode.variables(),
          layers,
          decode.virtualTokens());
    }
  }

  private static void connect(
      Graph graph,
      DecodeBody decode,
      SamplingConfig sampling,
      List<Operand<?>> inputs,
      List<Operand<?>> outputs) {
    Ops tf = Ops.create(graph).withSubScope("choose");
    Output<TInt32> inputIds = DecodeBody.node(graph, "input_ids");
    Output<TInt32> cachePosition = DecodeBody.node(graph, "cache_position");
    Operand<TInt32> step = placeholder(tf, "step", TInt32.class);
    Operand<TBool> finished = placeholder(tf, "finished", TBool.class, -1);
    Operand<TInt32> lengths = placeholder(tf, "lengths", TInt32.class, -1);
    Operand<TInt32> tokens = placeholder(tf, "tokens", TInt32.class, -1, -1);
    Operand<TInt32> limit = placeholder(tf, "limit", TInt32.class);
    Operand<TInt32> endIds = placeholder(tf, "end_ids", TInt32.class, -1);
    Operand<TInt32> padId = placeholder(tf, "pad_id", TInt32.class);

    List<Operand<?>> constants =
        new ArrayList<>(List.of(DecodeBody.node(graph, "attention_mask"), limit, endIds, padId));
    Operand<TInt32> one = tf.constant(1);
    Operand<TInt32> next =
        next(tf, DecodeBody.node(graph, "logits"), sampling, step, tokens, constants); // [B]
    Operand<TInt32> chosen = tf.select(finished, padId, next); // [B]
    Operand<TInt32> column = tf.expandDims(chosen, one); // [B, 1]
    Operand<TBool> ends =
        tf.reduceAny(tf.math.equal(column, endIds), one, ReduceAny.keepDims(false)); // [B]
    Operand<TBool> written = tf.math.equal(columns(tf, tokens), step); // [N]

    inputs.add(inputIds);
    outputs.add(column);
    inputs.add(cachePosition);
    outputs.add(tf.math.add(cachePosition, TokenShapes.size(tf, inputIds, 1)));
    inputs.addAll(decode.caches(graph));
    outputs.addAll(decode.nextCaches(graph));
    inputs.addAll(List.of(step, finished, lengths, tokens));
    outputs.add(tf.math.add(step, one));
    outputs.add(tf.math.logicalOr(finished, ends));
    outputs.add(tf.math.add(lengths, tf.dtypes.cast(tf.math.logicalNot(finished), TInt32.class)));
    outputs.add(tf.select(written, column, tokens));
    inputs.addAll(constants);
    outputs.addAll(constants);
  }

  /** int32 [N]: 0, 1, ... for the columns of {@code tokens}. */
  private static Operand<TInt32> columns(Ops tf, Operand<TInt32> tokens) {
    return tf.range(tf.constant(0), TokenShapes.size(tf, tokens, 1), tf.constant(1));
  }

  /**
   * int32 [B]: the token that {@code sampling} chooses for each row.
   *
   * @param logits float32 [B, V]
   * @param step int32 []
   * @param tokens int32 [B, N]
   * @param constants what the choice needs is added
   */
  private static Operand<TInt32> next(
      Ops tf,
      Operand<TFloat32> logits,
      SamplingConfig sampling,
      Operand<TInt32> step,
      Operand<TInt32> tokens,
      List<Operand<?>> constants) {
    Operand<TInt32> one = tf.constant(1);
    Operand<TFloat32> scores = logits;
    Optional<Operand<TFloat32>> uniforms = Optional.empty();
    if (sampling.doSample()) {
      uniforms = Optional.of(placeholder(tf, "uniforms", TFloat32.class, -1, -1));
      constants.add(uniforms.get());
    }
    if (sampling.penalises()) {
      Operand<TInt32> prompt = placeholder(tf, "prompt", TInt32.class, -1, -1);
      constants.add(prompt);
      Operand<TInt32> first = tf.gather(prompt, tf.constant(new int[] {0}), one); // [B, 1]
      Operand<TInt32> chosen =
          tf.select(tf.math.less(columns(tf, tokens), step), tokens, first); // [B, N]
      scores =
          NextToken.penalised(
              tf, logits, tf.concat(List.of(prompt, chosen), one), sampling.repetitionPenalty());
    }
    if (uniforms.isEmpty()) {
      return tf.math.argMax(scores, one, TInt32.class);
    }
    return NextToken.drawn(
        tf, NextToken.probabilities(tf, scores, sampling), tf.gather(uniforms.get(), step, one));
  }

  /** {@code step < limit and not all finished}, of the same inputs as {@code body}. */
  private static GraphFunction another(GraphFunction body, int stateSize) {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(graph);
      List<Output<?>> inputs = placeholders(tf, body);
      @SuppressWarnings("unchecked")
      Output<TInt32> step = (Output<TInt32>) inputs.get(stateSize - 4);
      @SuppressWarnings("unchecked")
      Output<TBool> finished = (Output<TBool>) inputs.get(stateSize - 3);
      @SuppressWarnings("unchecked")
      Output<TInt32> limit = (Output<TInt32>) inputs.get(stateSize + 1);
      Operand<TBool> allFinished =
          tf.reduceAll(finished, tf.constant(new int[] {0}), ReduceAll.keepDims(false));
      Operand<TBool> another =
          tf.math.logicalAnd(tf.math.less(step, limit), tf.math.logicalNot(allFinished));
      return GraphFunction.of("decode_another", inputs, List.of(another), graph);
    }
  }

  /** The variables whose values end the constants, in order. */
  List<Weight> variables() {
    return variables;
  }

  /** Elements of the state. */
  int stateSize() {
    return stateSize(layers);
  }

  private static int stateSize(int layers) {
    return 2 + 2 * layers + 4;
  }

  /** P: how many columns an adapter has before those of the prompt, in the ids and in S. */
  int virtualTokens() {
    return virtualTokens;
  }

  /**
   * The state before the first step. Rows whose mask is all 0 are finished from the start.
   *
   * @param inputIds int32 [B, T], without an adapter's virtual tokens
   * @param attentionMask int32 [B, T]
   * @param width int32 []: N
   * @param padId int32 []
   * @return the state, and after it the constant {@code attention_mask}
   */
  List<Operand<?>> start(
      Ops tf,
      ModelConfig config,
      WeightDtype dtype,
      Operand<TInt32> inputIds,
      Operand<TInt32> attentionMask,
      Operand<TInt32> width,
      Operand<TInt32> padId) {
    AttentionConfig attention = config.attention();
    Operand<TInt32> zero = tf.constant(0);
    Operand<TInt32> batch = TokenShapes.size(tf, inputIds, 0);
    Operand<TInt32> rows = tf.expandDims(batch, zero); // [1]
    Operand<TInt32> following = tf.stack(List.of(batch, width)); // [2]
    Operand<TInt32> slots =
        tf.math.add(
            tf.math.add(TokenShapes.size(tf, inputIds, 1), width),
            tf.constant(virtualTokens)); // []
    Operand<TFloating> cache =
        tf.fill(
            tf.stack(
                List.of(
                    batch,
                    tf.constant(attention.numKeyValueHeads()),
                    slots,
                    tf.constant(attention.headDim()))),
            TensorTypes.cast(tf, tf.constant(0f), dtype));
    List<Operand<?>> state = new ArrayList<>();
    state.add(afterVirtualTokens(tf, batch, inputIds, padId));
    state.add(zero);
    for (int i = 0; i < 2 * config.sizes().numHiddenLayers(); i++) {
      state.add(cache);
    }
    state.add(zero);
    state.add(
        tf.math.equal(
            tf.max(attentionMask, tf.constant(1), Max.keepDims(false)), zero)); // empty rows
    state.add(tf.fill(rows, zero));
    state.add(tf.fill(following, padId));
    Operand<TInt32> one = tf.constant(1);
    state.add(
        tf.concat(
            List.of(afterVirtualTokens(tf, batch, attentionMask, one), tf.fill(following, one)),
            one));
    return state;
  }

  /** int32 [B, T] -> [B, P + T], with {@code value} in the first P columns. */
  private Operand<TInt32> afterVirtualTokens(
      Ops tf, Operand<TInt32> batch, Operand<TInt32> columns, Operand<TInt32> value) {
    if (virtualTokens == 0) {
      return columns;
    }
    Operand<TInt32> first = tf.fill(tf.stack(List.of(batch, tf.constant(virtualTokens))), value);
    return tf.concat(List.of(first, columns), tf.constant(1));
  }

  /**
   * Adds one step to the graph of {@code tf}.
   *
   * @param arguments state and constants
   * @return the state and constants after it
   */
  List<Output<?>> once(Ops tf, String nodeName, List<? extends Operand<?>> arguments, boolean xla) {
    return step.call(tf, nodeName, arguments, xla);
  }

  /**
   * Adds steps until all rows are finished or {@code limit} is reached; none where that is so from
   * the start. T must be 1.
   *
   * @param arguments state and constants
   * @param lowered whether TensorFlow runs the body's operations in its own graph, as it does for
   *     loops made in Python: several times as fast for batches without XLA; inside an XLA program
   *     it must not
   * @return the state and constants after them
   */
  List<Output<?>> loop(
      Ops tf, String nodeName, List<? extends Operand<?>> arguments, boolean lowered) {
    Graph graph = (Graph) tf.scope().env();
    graph.attachFunction(step.concrete());
    graph.attachFunction(another.concrete());
    Operation loop =
        graph
            .opBuilder("StatelessWhile", nodeName, tf.scope())
            .addInputList(arguments.stream().map(Operand::asOutput).toArray(Output<?>[]::new))
            .setAttr("cond", another.concrete())
            .setAttr("body", step.concrete())
            .setAttr("_lower_using_switch_merge", lowered)
            .build();
    List<Output<?>> results = new ArrayList<>();
    for (int i = 0; i < arguments.size(); i++) {
      results.add(loop.output(i));
    }
    return results;
  }

  /**
   * {@link #once} as a function of its own that returns the state alone: an XLA program copies what
   * it returns, and the constants include all weights. Caller closes.
   */
  GraphFunction onceFunction() {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(graph);
      List<Output<?>> inputs = placeholders(tf, step);
      List<Output<?>> results = once(tf, "once", inputs, false);
      return GraphFunction.of("decode_once", inputs, results.subList(0, stateSize()), graph);
    }
  }

  /**
   * {@link #loop} as a function that returns the state alone, which XLA can compile as a whole;
   * caller closes.
   */
  GraphFunction loopFunction() {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(graph);
      List<Output<?>> inputs = placeholders(tf, step);
      List<Output<?>> results = loop(tf, "loop", inputs, false);
      return GraphFunction.of("decode_loop", inputs, results.subList(0, stateSize()), graph);
    }
  }

  private static List<Output<?>> placeholders(Ops tf, GraphFunction function) {
    List<Output<?>> inputs = new ArrayList<>();
    for (var type : function.outputTypes()) {
      inputs.add(
          tf.scope()
              .env()
              .opBuilder("Placeholder", "input_" + inputs.size(), tf.scope())
              .setAttr("dtype", type)
              .build()
              .output(0));
    }
    return inputs;
  }

  private static <T extends TType> Operand<T> placeholder(
      Ops tf, String name, Class<T> type, long... shape) {
    return tf.withName(name).placeholder(type, Placeholder.shape(Shape.of(shape)));
  }

  @Override
  public void close() {
    step.close();
    another.close();
  }
}
