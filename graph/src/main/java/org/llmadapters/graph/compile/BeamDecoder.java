package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.block.TokenShapes;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.op.nn.TopK;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

/**
 * Generation by beam search with the variables of a {@link ModelSession}. The model reads the
 * prompt once; then every beam is a row of the batch. A step gathers the caches of the beams that
 * are followed, runs the {@code decode} graph, and takes the best candidates of each prompt; these
 * alone come to Java, where a {@link BeamSearch} per prompt decides.
 *
 * <p>Runs without XLA. May be used by several threads at once.
 */
public final class BeamDecoder implements AutoCloseable {
  /** Names in a session's graph must differ, and several decoders may share a session. */
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final ModelSession model;
  private final ModelConfig config;
  private final WeightDtype dtype;
  private final BeamConfig beams;
  private final Set<Integer> endIds;
  private final GraphFunction step;
  private final int virtualTokens;
  private final Nodes nodes;

  /**
   * Generation by {@code flat}; caller closes.
   *
   * @param model has all variables of {@code flat}
   * @param flat a base graph, or one with an adapter in it
   * @param dtype of the base's weights
   * @param endIds any of them ends a sequence; may be empty
   * @param repetitionPenalty {@code repetition_penalty}, of log-probabilities here; 1 for none
   */
  public BeamDecoder(
      ModelSession model,
      GraphDef flat,
      ModelConfig config,
      WeightDtype dtype,
      List<Integer> endIds,
      BeamConfig beams,
      double repetitionPenalty) {
    this.model = model;
    this.config = config;
    this.dtype = dtype;
    this.beams = beams;
    this.endIds = new HashSet<>(endIds);
    int candidates = BeamSearch.candidates(beams.numBeams(), this.endIds.size());
    if (candidates > config.sizes().vocabSize()) {
      throw new IllegalArgumentException(
          "num_beams "
              + beams.numBeams()
              + " needs "
              + candidates
              + " candidates per step, more than vocab_size "
              + config.sizes().vocabSize());
    }
    DecodeBody decode = DecodeBody.of(flat, config.sizes().numHiddenLayers());
    this.step = step(decode, candidates, repetitionPenalty);
    this.virtualTokens = decode.virtualTokens();
    this.nodes = new Nodes(decode);
  }

  /**
   * The function {@code input_ids, attention_mask, cache_position, scores, prompts, sequences,
   * caches, variables -> candidates' scores, candidates, caches}.
   */
  private static GraphFunction step(DecodeBody decode, int candidates, double repetitionPenalty) {
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(decode.graphDef());
      Ops tf = Ops.create(graph).withSubScope("beams");
      // [R]: sum of the log-probabilities of each row's tokens.
      Operand<TFloat32> scores =
          tf.withName("scores").placeholder(TFloat32.class, Placeholder.shape(Shape.of(-1)));
      Operand<TInt32> prompts =
          tf.withName("prompts").placeholder(TInt32.class, Placeholder.shape(Shape.scalar()));
      Output<TFloat32> logits = DecodeBody.node(graph, "logits"); // [R, V]
      Operand<TFloat32> logProbabilities = tf.nn.logSoftmax(logits);
      // [R, L]: the tokens of each row, for the penalty.
      Operand<TInt32> sequences =
          tf.withName("sequences").placeholder(TInt32.class, Placeholder.shape(Shape.of(-1, -1)));
      if (repetitionPenalty != 1) {
        logProbabilities = NextToken.penalised(tf, logProbabilities, sequences, repetitionPenalty);
      }
      Operand<TFloat32> sums = tf.math.add(logProbabilities, tf.expandDims(scores, tf.constant(1)));
      Operand<TFloat32> byPrompt =
          tf.reshape(sums, tf.stack(List.of(prompts, tf.constant(-1)))); // [B, R / B * V]
      TopK<TFloat32, TInt32> best = tf.nn.topK(byPrompt, tf.constant(candidates), TInt32.class);
      List<Operand<?>> inputs = new ArrayList<>();
      inputs.add(DecodeBody.node(graph, "input_ids"));
      inputs.add(DecodeBody.node(graph, "attention_mask"));
      inputs.add(DecodeBody.node(graph, "cache_position"));
      inputs.add(scores);
      inputs.add(prompts);
      inputs.add(sequences);
      inputs.addAll(decode.caches(graph));
      inputs.addAll(decode.variables(graph));
      List<Operand<?>> outputs = new ArrayList<>(List.of(best.values(), best.indices()));
      outputs.addAll(decode.nextCaches(graph));
      return GraphFunction.of("beam_step", inputs, outputs, graph);
    }
  }

  /** Nodes for batches of any shape: the placeholders and the two calls of the step. */
  private final class Nodes {
    final Placeholder<TInt32> inputIds;
    final Placeholder<TInt32> attentionMask;
    final Placeholder<TInt32> cachePosition;
    final Placeholder<TFloat32> scores;
    final Placeholder<TInt32> prompts;
    final Placeholder<TInt32> sequences;
    final Placeholder<TInt32> source;
    final List<Placeholder<TFloating>> caches = new ArrayList<>();
    final List<Output<?>> prompt;
    final List<Output<?>> following;

    Nodes(DecodeBody decode) {
      String name = "beams_" + NUMBER.incrementAndGet();
      Ops tf = model.tf().withSubScope(name);
      long heads = config.attention().numKeyValueHeads();
      long headDim = config.attention().headDim();
      inputIds = placeholder(tf, "input_ids", TInt32.class, -1, -1);
      attentionMask = placeholder(tf, "attention_mask", TInt32.class, -1, -1);
      cachePosition = placeholder(tf, "cache_position", TInt32.class);
      scores = placeholder(tf, "scores", TFloat32.class, -1);
      prompts = placeholder(tf, "prompts", TInt32.class);
      sequences = placeholder(tf, "sequences", TInt32.class, -1, -1);
      source = placeholder(tf, "source", TInt32.class, -1);
      Operand<TFloating> empty =
          tf.fill(
              tf.stack(
                  List.of(
                      TokenShapes.size(tf, inputIds, 0),
                      tf.constant((int) heads),
                      TokenShapes.size(tf, attentionMask, 1),
                      tf.constant((int) headDim))),
              TensorTypes.cast(tf, tf.constant(0f), dtype));
      List<Operand<TFloating>> gathered = new ArrayList<>();
      for (int i = 0; i < 2 * decode.layers(); i++) {
        Placeholder<TFloating> cache =
            placeholder(tf, "cache_" + i, TensorTypes.of(dtype), -1, heads, -1, headDim);
        caches.add(cache);
        gathered.add(tf.gather(cache, source, tf.constant(0)));
      }
      prompt = call(tf, name + "/prompt", decode, Collections.nCopies(gathered.size(), empty));
      following = call(tf, name + "/following", decode, gathered);
    }

    private List<Output<?>> call(
        Ops tf, String node, DecodeBody decode, List<Operand<TFloating>> cached) {
      List<Operand<?>> arguments =
          new ArrayList<>(
              List.of(inputIds, attentionMask, cachePosition, scores, prompts, sequences));
      arguments.addAll(cached);
      decode.variables().forEach(variable -> arguments.add(model.read(variable)));
      return step.call(tf, node, arguments, false);
    }

    private static <T extends TType> Placeholder<T> placeholder(
        Ops tf, String name, Class<T> type, long... shape) {
      return tf.withName(name).placeholder(type, Placeholder.shape(Shape.of(shape)));
    }
  }

  /**
   * What a search found.
   *
   * @param tokens after the prompt, the end token included
   * @param score the sum of their log-probabilities, normalised by length
   */
  public record Found(List<Integer> tokens, float score) {
    public Found {
      tokens = List.copyOf(tokens);
    }
  }

  /** Is asked after each token whether to go on. */
  @FunctionalInterface
  public interface Listener {
    /** Called with the number of tokens searched so far; returning false ends the search. */
    boolean searched(int tokens);
  }

  /**
   * Searches the best sequence after each prompt.
   *
   * @param inputIds [B][T], padded on the left
   * @param attentionMask [B][T], 1 at real tokens; each row has one
   * @param maxNewTokens most tokens of a sequence
   * @param stops whether a sequence of new tokens ends as if its last were an end token
   * @return one for each row
   */
  public List<Found> generate(
      int[][] inputIds,
      int[][] attentionMask,
      int maxNewTokens,
      Predicate<List<Integer>> stops,
      Listener listener) {
    Predicate<List<Integer>> endToken = tokens -> endIds.contains(tokens.get(tokens.size() - 1));
    List<BeamSearch> searches = new ArrayList<>();
    for (int row = 0; row < inputIds.length; row++) {
      searches.add(new BeamSearch(beams, endToken.or(stops), maxNewTokens));
    }
    int[][] promptMask = afterVirtualTokens(attentionMask, 1);
    int promptLength = virtualTokens + inputIds[0].length;
    int slots = promptLength + maxNewTokens;
    Rows rows =
        Rows.ofPrompts(
            afterVirtualTokens(inputIds, config.tokenIds().padding()),
            NextToken.withoutPadding(inputIds, attentionMask));
    Result state = run(rows, rows.mask(promptMask, slots), 0, null);
    try {
      for (int length = 1; ; length++) {
        advance(searches, (TFloat32) state.get(0), (TInt32) state.get(1));
        if (searches.stream().allMatch(BeamSearch::ended) || !listener.searched(length)) {
          break;
        }
        rows = rows.ofBeams(searches, beams.numBeams());
        Result next = run(rows, rows.mask(promptMask, slots), promptLength + length - 1, state);
        state.close();
        state = next;
      }
    } finally {
      state.close();
    }
    return searches.stream()
        .map(BeamSearch::best)
        .map(best -> new Found(best.tokens(), best.score()))
        .toList();
  }

  /** [B][T] -> [B][P + T], with {@code value} in the first P columns. */
  private int[][] afterVirtualTokens(int[][] columns, int value) {
    int[][] widened = new int[columns.length][virtualTokens + columns[0].length];
    for (int row = 0; row < columns.length; row++) {
      Arrays.fill(widened[row], 0, virtualTokens, value);
      System.arraycopy(columns[row], 0, widened[row], virtualTokens, columns[row].length);
    }
    return widened;
  }

  /**
   * What a step reads, a row for each sequence that is followed.
   *
   * @param ids [R][T]
   * @param scores [R]: sums of log-probabilities
   * @param source [R]: the row of the step before whose caches each continues
   * @param sequences [R][L]: the prompt's tokens and those chosen, in no need of a mask
   * @param perPrompt R / B
   */
  private record Rows(
      List<int[]> ids,
      List<Float> scores,
      List<Integer> source,
      List<int[]> sequences,
      int perPrompt) {
    /** Far below any sum, for rows that follow nothing. */
    private static final float NOTHING = -1e9f;

    static Rows ofPrompts(int[][] inputIds, int[][] sequences) {
      return new Rows(
          List.of(inputIds),
          Collections.nCopies(inputIds.length, 0f),
          Collections.nCopies(inputIds.length, 0),
          List.of(sequences),
          1);
    }

    /** What the step after this one reads. */
    Rows ofBeams(List<BeamSearch> searches, int numBeams) {
      List<int[]> nextIds = new ArrayList<>();
      List<Float> nextScores = new ArrayList<>();
      List<Integer> nextSource = new ArrayList<>();
      List<int[]> nextSequences = new ArrayList<>();
      for (int prompt = 0; prompt < searches.size(); prompt++) {
        List<BeamSearch.Running> running = searches.get(prompt).running();
        for (int beam = 0; beam < numBeams; beam++) {
          boolean follows = beam < running.size();
          List<Integer> tokens = follows ? running.get(beam).tokens() : List.of(0);
          int token = tokens.get(tokens.size() - 1);
          int from = prompt * perPrompt + (follows ? running.get(beam).beam() : 0);
          nextIds.add(new int[] {token});
          nextScores.add(follows ? running.get(beam).score() : NOTHING);
          nextSource.add(from);
          int[] sequence = sequences.get(from);
          int[] longer = Arrays.copyOf(sequence, sequence.length + 1);
          longer[sequence.length] = token;
          nextSequences.add(longer);
        }
      }
      return new Rows(nextIds, nextScores, nextSource, nextSequences, numBeams);
    }

    /** The prompts' masks, once per row, then 1 for all slots that follow. */
    int[][] mask(int[][] attentionMask, int slots) {
      int[][] mask = new int[ids.size()][];
      for (int row = 0; row < mask.length; row++) {
        int[] prompt = attentionMask[row / perPrompt];
        mask[row] = Arrays.copyOf(prompt, slots);
        Arrays.fill(mask[row], prompt.length, slots, 1);
      }
      return mask;
    }

    float[] scoreArray() {
      float[] values = new float[scores.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = scores.get(i);
      }
      return values;
    }
  }

  /**
   * @param state of the step before, null before the first
   */
  private Result run(Rows rows, int[][] mask, int position, @Nullable Result state) {
    int[] source = rows.source().stream().mapToInt(Integer::intValue).toArray();
    try (TInt32 ids = TInt32.tensorOf(StdArrays.ndCopyOf(rows.ids().toArray(int[][]::new)));
        TInt32 wholeMask = TInt32.tensorOf(StdArrays.ndCopyOf(mask));
        TInt32 cachePosition = TInt32.scalarOf(position);
        TFloat32 scores = TFloat32.vectorOf(rows.scoreArray());
        TInt32 prompts = TInt32.scalarOf(rows.ids().size() / rows.perPrompt());
        TInt32 sequences =
            TInt32.tensorOf(StdArrays.ndCopyOf(rows.sequences().toArray(int[][]::new)));
        TInt32 sources = TInt32.vectorOf(source)) {
      Session.Runner runner =
          model
              .session()
              .runner()
              .feed(nodes.inputIds, ids)
              .feed(nodes.attentionMask, wholeMask)
              .feed(nodes.cachePosition, cachePosition)
              .feed(nodes.scores, scores)
              .feed(nodes.prompts, prompts)
              .feed(nodes.sequences, sequences);
      if (state == null) {
        nodes.prompt.forEach(runner::fetch);
      } else {
        runner.feed(nodes.source, sources);
        for (int i = 0; i < nodes.caches.size(); i++) {
          runner.feed(nodes.caches.get(i), state.get(2 + i));
        }
        nodes.following.forEach(runner::fetch);
      }
      return runner.run();
    }
  }

  private void advance(List<BeamSearch> searches, TFloat32 scores, TInt32 candidates) {
    float[][] allScores = StdArrays.array2dCopyOf(scores);
    int[][] allCandidates = StdArrays.array2dCopyOf(candidates);
    int vocabSize = config.sizes().vocabSize();
    for (int prompt = 0; prompt < searches.size(); prompt++) {
      int[] indices = allCandidates[prompt];
      int[] from = Arrays.stream(indices).map(index -> index / vocabSize).toArray();
      int[] tokens = Arrays.stream(indices).map(index -> index % vocabSize).toArray();
      searches.get(prompt).advance(allScores[prompt], from, tokens);
    }
  }

  @Override
  public void close() {
    step.close();
  }
}
