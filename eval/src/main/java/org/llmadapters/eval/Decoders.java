package org.llmadapters.eval;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.graph.compile.BeamConfig;
import org.llmadapters.graph.compile.BeamDecoder;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.RandomNumbers;
import org.llmadapters.graph.compile.SamplingConfig;
import org.llmadapters.graph.compile.TokenDecoder;
import org.tensorflow.proto.GraphDef;

/**
 * What generates by one graph: a decoder for each way of choosing tokens, made when it is first
 * asked for. May be used by several threads at once.
 */
final class Decoders implements AutoCloseable {
  /** Tokens between looks at whether all rows have ended: one call under XLA. */
  private static final int CHUNK = 16;

  private final BaseModel base;
  private final ModelSession session;
  private final GraphDef graph;
  private final List<Integer> endIds;
  private final boolean compiled;
  private final Supplier<Tokenizer> tokenizer;
  private final Map<SamplingConfig, TokenDecoder> tokenDecoders = new HashMap<>();
  private final Map<Search, BeamDecoder> beamDecoders = new HashMap<>();

  /** What a {@link BeamDecoder} is made for. */
  private record Search(BeamConfig beams, double repetitionPenalty) {}

  /**
   * @param session has the variables of {@code graph}
   * @param endIds any of them ends a row; may be empty
   * @param compiled whether XLA compiles
   * @param tokenizer of {@code base}; only stop strings need one
   */
  Decoders(
      BaseModel base,
      ModelSession session,
      GraphDef graph,
      List<Integer> endIds,
      boolean compiled,
      Supplier<Tokenizer> tokenizer) {
    this.base = base;
    this.session = session;
    this.graph = graph;
    this.endIds = List.copyOf(endIds);
    this.compiled = compiled;
    this.tokenizer = tokenizer;
  }

  /** Makes what {@code config} needs: what is wrong with it should be said before work begins. */
  void prepare(GenerationConfig config) {
    if (config.beams().numBeams() > 1) {
      beamDecoder(config);
    } else {
      tokenDecoder(config.sampling());
    }
  }

  /**
   * The best sequences that beam search finds.
   *
   * @return for every row the tokens that follow the prompt, those that end it included
   */
  int[][] search(PromptBatch batch, GenerationConfig config) {
    StopStrings stop = config.stop();
    return beamDecoder(config)
        .generate(
            batch.idRows(),
            batch.maskRows(),
            config.maxNewTokens(),
            tokens -> !stop.isEmpty() && StopWatch.isIn(stop, tokenizer.get(), array(tokens)),
            searched -> !Thread.currentThread().isInterrupted())
        .stream()
        .map(found -> array(found.tokens()))
        .toArray(int[][]::new);
  }

  private static int[] array(List<Integer> tokens) {
    return tokens.stream().mapToInt(Integer::intValue).toArray();
  }

  /**
   * One token after the other.
   *
   * @param items the numbers of the first rows; those that follow have no prompt
   * @return for every row the tokens that follow the prompt, those that end it included
   */
  int[][] decode(PromptBatch batch, List<Integer> items, GenerationConfig config) {
    // A look for stop strings costs little compared with a token, a call under XLA with 16.
    int chunk = compiled || config.stop().isEmpty() ? CHUNK : 1;
    return decode(batch, items, config, chunk, tokens -> !Thread.currentThread().isInterrupted());
  }

  /**
   * One token after the other.
   *
   * @param chunk tokens between calls of {@code listener}
   * @param listener is told all tokens so far, and may end it
   */
  int[][] decode(
      PromptBatch batch,
      List<Integer> items,
      GenerationConfig config,
      int chunk,
      TokenDecoder.Listener listener) {
    RandomNumbers numbers = new RandomNumbers(config.seed(), withEmptyRows(items, batch.rows()));
    TokenDecoder decoder = tokenDecoder(config.sampling());
    int newTokens = config.maxNewTokens();
    int[][] ids = batch.idRows();
    int[][] mask = batch.maskRows();
    if (config.stop().isEmpty()) {
      return decoder.generate(ids, mask, numbers, newTokens, newTokens, chunk, listener);
    }
    StopWatch watch = new StopWatch(config.stop(), tokenizer.get(), endIds, items.size());
    return watch.cut(
        decoder.generate(
            ids,
            mask,
            numbers,
            newTokens,
            newTokens,
            chunk,
            tokens -> listener.chosen(tokens) && !watch.allEnded(tokens)));
  }

  private static List<Integer> withEmptyRows(List<Integer> items, int rows) {
    List<Integer> all = new ArrayList<>(items);
    all.addAll(Collections.nCopies(rows - items.size(), 0));
    return all;
  }

  private synchronized TokenDecoder tokenDecoder(SamplingConfig sampling) {
    return tokenDecoders.computeIfAbsent(
        sampling,
        key ->
            new TokenDecoder(session, graph, base.config(), base.dtype(), endIds, key, compiled));
  }

  private synchronized BeamDecoder beamDecoder(GenerationConfig config) {
    return beamDecoders.computeIfAbsent(
        new Search(config.beams(), config.sampling().repetitionPenalty()),
        key ->
            new BeamDecoder(
                session,
                graph,
                base.config(),
                base.dtype(),
                endIds,
                key.beams(),
                key.repetitionPenalty()));
  }

  /** Shapes of batches that tokens were chosen for one after the other. */
  synchronized int shapes() {
    return tokenDecoders.values().stream().mapToInt(TokenDecoder::shapes).sum();
  }

  @Override
  public void close() {
    beamDecoders.values().forEach(BeamDecoder::close);
    tokenDecoders.values().forEach(TokenDecoder::close);
  }
}
