package org.llmadapters.graph.compile;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TType;

/**
 * Generation of one token after the other, the likeliest or drawn, with the variables of a {@link
 * ModelSession}, in chunks of tokens whose state stays in native memory.
 *
 * <p>With XLA, the prompt is one program and a whole chunk another, for every shape of batch;
 * without, each token is a call. May be used by several threads at once.
 */
public final class TokenDecoder implements AutoCloseable {
  /** Names in a session's graph must differ, and several decoders may share a session. */
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final int number = NUMBER.incrementAndGet();
  private final ModelSession model;
  private final ModelConfig config;
  private final WeightDtype dtype;
  private final int[] endIds;
  private final SamplingConfig sampling;
  private final boolean xla;
  private final DecodeStep step;
  private final GraphFunction once;
  private final GraphFunction loop;
  private final Map<BatchShape, Program> programs = new HashMap<>();

  /**
   * Generation by {@code flat}; caller closes.
   *
   * @param model has all variables of {@code flat}
   * @param flat a base graph, or one with an adapter in it
   * @param dtype of the base's weights
   * @param endIds any of them ends a row; may be empty
   * @param sampling how a token is chosen
   * @param xla whether XLA compiles
   */
  public TokenDecoder(
      ModelSession model,
      GraphDef flat,
      ModelConfig config,
      WeightDtype dtype,
      List<Integer> endIds,
      SamplingConfig sampling,
      boolean xla) {
    this.model = model;
    this.config = config;
    this.dtype = dtype;
    // An empty list would be a tensor without elements; -1 is never chosen.
    this.endIds =
        endIds.isEmpty() ? new int[] {-1} : endIds.stream().mapToInt(Integer::intValue).toArray();
    this.sampling = sampling;
    this.xla = xla;
    this.step = DecodeStep.of(flat, config.sizes().numHiddenLayers(), sampling);
    this.once = step.onceFunction();
    this.loop = step.loopFunction();
  }

  /**
   * The shape of what is generated.
   *
   * @param rows B
   * @param promptLength T, padding included
   * @param width N, the most tokens that can follow
   */
  private record BatchShape(int rows, int promptLength, int width) {}

  /** Receives what has been chosen so far; returning false ends the generation. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Called after each chunk with all tokens chosen so far, [B][n], padding after the end of a
     * row.
     */
    boolean chosen(int[][] tokens);
  }

  /** The same with the random numbers of seed 0 for items 0, 1, ... */
  public int[][] generate(
      int[][] inputIds, int[][] attentionMask, int limit, int width, int chunk, Listener listener) {
    RandomNumbers numbers = RandomNumbers.ofRows(inputIds.length);
    return generate(inputIds, attentionMask, numbers, limit, width, chunk, listener);
  }

  /**
   * Generates until every row has ended or {@code limit} tokens are there.
   *
   * @param inputIds [B][T], padded on the left
   * @param attentionMask [B][T], 1 at real tokens; a row of zeros generates nothing
   * @param numbers that tokens are drawn by, B of them; no matter if none is drawn
   * @param limit most tokens to generate
   * @param width N, at least {@code limit}; batches of the same B, T and N share a program
   * @param chunk tokens between calls of {@code listener}
   * @return for every row the tokens that follow the prompt, its end token included
   */
  public int[][] generate(
      int[][] inputIds,
      int[][] attentionMask,
      RandomNumbers numbers,
      int limit,
      int width,
      int chunk,
      Listener listener) {
    if (limit < 1 || limit > width || chunk < 1) {
      throw new IllegalArgumentException(
          "need 1 <= limit <= width and chunk >= 1, got " + limit + ", " + width + " and " + chunk);
    }
    Program program = program(new BatchShape(inputIds.length, inputIds[0].length, width));
    try (Constants constants = program.constants(inputIds, attentionMask, numbers);
        State state = program.prompt(inputIds, attentionMask, constants)) {
      int done = 1;
      while (listener.chosen(state.tokens(done)) && done < limit && !state.allFinished()) {
        int next = Math.min(done + chunk, limit);
        program.advance(state, constants, done, next);
        done = next;
      }
      return state.rows(done);
    }
  }

  private Program program(BatchShape shape) {
    synchronized (programs) {
      return programs.computeIfAbsent(shape, Program::new);
    }
  }

  /** Shapes of batches so far; under XLA each is compiled once. */
  public int shapes() {
    synchronized (programs) {
      return programs.size();
    }
  }

  @Override
  public void close() {
    once.close();
    loop.close();
    step.close();
  }

  /**
   * What stays the same for all steps of one batch.
   *
   * @param tensors one for each of a program's {@code constantInputs}
   */
  private record Constants(List<Tensor> tensors) implements AutoCloseable {
    @Override
    public void close() {
      tensors.forEach(Tensor::close);
    }
  }

  /** The state of one batch, as tensors. */
  private final class State implements AutoCloseable {
    private Result result;

    State(Result result) {
      this.result = result;
    }

    void replace(Result next) {
      result.close();
      result = next;
    }

    private Tensor fromEnd(int back) {
      return result.get(step.stateSize() - back);
    }

    int[][] tokens(int count) {
      TInt32 tokens = (TInt32) fromEnd(1);
      int[][] all = StdArrays.array2dCopyOf(tokens);
      return Arrays.stream(all).map(row -> Arrays.copyOf(row, count)).toArray(int[][]::new);
    }

    int[][] rows(int count) {
      int[][] tokens = tokens(count);
      TInt32 lengths = (TInt32) fromEnd(2);
      for (int row = 0; row < tokens.length; row++) {
        tokens[row] = Arrays.copyOf(tokens[row], Math.min(lengths.getInt(row), count));
      }
      return tokens;
    }

    boolean allFinished() {
      TBool finished = (TBool) fromEnd(3);
      for (long row = 0; row < finished.size(); row++) {
        if (!finished.getBoolean(row)) {
          return false;
        }
      }
      return true;
    }

    @Override
    public void close() {
      result.close();
    }
  }

  /** The nodes for batches of one shape. */
  private final class Program {
    private final Placeholder<TInt32> inputIds;
    private final Placeholder<TInt32> attentionMask;
    private final Placeholder<TInt32> limit;
    private final List<Placeholder<?>> constantInputs = new ArrayList<>();
    private final List<Output<?>> stateInputs = new ArrayList<>();
    private final List<Output<?>> afterPrompt;
    private final List<Output<?>> afterChunk;
    private final BatchShape shape;

    Program(BatchShape shape) {
      this.shape = shape;
      String name =
          String.format(
              Locale.ROOT,
              "generate_%d_%dx%dx%d",
              number,
              shape.rows(),
              shape.promptLength(),
              shape.width());
      Ops tf = model.tf().withSubScope(name);
      Shape promptShape = Shape.of(shape.rows(), shape.promptLength());
      inputIds = placeholder(tf, "input_ids", TInt32.class, promptShape);
      attentionMask = placeholder(tf, "attention_mask", TInt32.class, promptShape);
      limit = placeholder(tf, "limit", TInt32.class, Shape.scalar());
      Placeholder<TInt32> wholeMask =
          placeholder(tf, "whole_mask", TInt32.class, Shape.of(shape.rows(), slots()));
      List<Placeholder<?>> choice = new ArrayList<>();
      if (sampling.doSample()) {
        Shape steps = Shape.of(shape.rows(), shape.width());
        choice.add(placeholder(tf, "uniforms", TFloat32.class, steps));
      }
      if (sampling.penalises()) {
        choice.add(placeholder(tf, "prompt_tokens", TInt32.class, promptShape));
      }
      constantInputs.add(wholeMask);
      constantInputs.addAll(choice);
      Operand<TInt32> padId = tf.constant(config.tokenIds().padding());
      List<Operand<?>> constants = new ArrayList<>(List.of(limit, tf.constant(endIds), padId));
      constants.addAll(choice);
      step.variables().forEach(variable -> constants.add(model.read(variable)));

      List<Operand<?>> start =
          step.start(tf, config, dtype, inputIds, attentionMask, tf.constant(shape.width()), padId);
      List<Operand<?>> arguments = new ArrayList<>(start);
      arguments.addAll(constants);
      afterPrompt = once.call(tf, name + "/prompt", arguments, xla);

      List<Operand<?>> again = new ArrayList<>();
      DataType[] types = once.outputTypes();
      List<Shape> shapes = stateShapes();
      for (int i = 0; i < step.stateSize(); i++) {
        Output<?> input =
            model
                .graph()
                .opBuilder("Placeholder", name + "/state_" + i, tf.scope())
                .setAttr("dtype", types[i])
                .setAttr("shape", shapes.get(i))
                .build()
                .output(0);
        stateInputs.add(input);
        again.add(input);
      }
      again.add(wholeMask);
      again.addAll(constants);
      afterChunk = (xla ? loop : once).call(tf, name + "/chunk", again, xla);
    }

    /** Of the elements of the state after the prompt, in their order. */
    private List<Shape> stateShapes() {
      long rows = shape.rows();
      Shape cache =
          Shape.of(
              rows, config.attention().numKeyValueHeads(), slots(), config.attention().headDim());
      List<Shape> shapes = new ArrayList<>(List.of(Shape.of(rows, 1), Shape.scalar()));
      shapes.addAll(Collections.nCopies(2 * config.sizes().numHiddenLayers(), cache));
      shapes.addAll(
          List.of(Shape.scalar(), Shape.of(rows), Shape.of(rows), Shape.of(rows, shape.width())));
      return shapes;
    }

    private static <T extends TType> Placeholder<T> placeholder(
        Ops tf, String name, Class<T> type, Shape shape) {
      return tf.withName(name).placeholder(type, Placeholder.shape(shape));
    }

    /** Caller closes. */
    Constants constants(int[][] ids, int[][] mask, RandomNumbers numbers) {
      List<Tensor> tensors = new ArrayList<>();
      tensors.add(TInt32.tensorOf(StdArrays.ndCopyOf(wholeMask(mask))));
      if (sampling.doSample()) {
        tensors.add(TFloat32.tensorOf(StdArrays.ndCopyOf(numbers.uniforms(shape.width()))));
      }
      if (sampling.penalises()) {
        tensors.add(TInt32.tensorOf(StdArrays.ndCopyOf(NextToken.withoutPadding(ids, mask))));
      }
      return new Constants(tensors);
    }

    State prompt(int[][] ids, int[][] mask, Constants constants) {
      try (TInt32 idTensor = TInt32.tensorOf(StdArrays.ndCopyOf(ids));
          TInt32 maskTensor = TInt32.tensorOf(StdArrays.ndCopyOf(mask));
          TInt32 one = TInt32.scalarOf(1)) {
        Session.Runner runner = runner(constants);
        runner.feed(inputIds, idTensor).feed(attentionMask, maskTensor).feed(limit, one);
        afterPrompt.forEach(runner::fetch);
        return new State(runner.run());
      }
    }

    /** From {@code done} tokens to {@code next}, or fewer if all rows end before. */
    void advance(State state, Constants constants, int done, int next) {
      int calls = xla ? 1 : next - done;
      try (TInt32 end = TInt32.scalarOf(next)) {
        for (int call = 0; call < calls && !state.allFinished(); call++) {
          Session.Runner runner = runner(constants);
          for (int i = 0; i < stateInputs.size(); i++) {
            runner.feed(stateInputs.get(i), state.result.get(i));
          }
          runner.feed(limit, end);
          afterChunk.forEach(runner::fetch);
          state.replace(runner.run());
        }
      }
    }

    private Session.Runner runner(Constants constants) {
      Session.Runner runner = model.session().runner();
      for (int i = 0; i < constantInputs.size(); i++) {
        runner.feed(constantInputs.get(i), constants.tensors().get(i));
      }
      return runner;
    }

    /** S: those of virtual tokens, of the prompt and of what follows it. */
    private int slots() {
      return step.virtualTokens() + shape.promptLength() + shape.width();
    }

    /**
     * 1 for virtual tokens, the prompt's mask, then 1 for all slots that follow it: causality keeps
     * them out of sight until they are written.
     */
    private int[][] wholeMask(int[][] mask) {
      int[][] whole = new int[mask.length][slots()];
      for (int row = 0; row < mask.length; row++) {
        Arrays.fill(whole[row], 1);
        System.arraycopy(mask[row], 0, whole[row], step.virtualTokens(), shape.promptLength());
      }
      return whole;
    }
  }
}
