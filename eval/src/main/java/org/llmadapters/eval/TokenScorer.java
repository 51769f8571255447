package org.llmadapters.eval;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.compile.TokenLogProbabilities;
import org.llmadapters.graph.rewrite.Sites;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.proto.GraphDef;

/**
 * A model in memory, without or with adapters, that tells how likely it finds tokens. Several
 * adapters, alone or stacked, share one base: {@link #use} switches between them.
 *
 * <p>Sequences are sorted by length, padded on the right and computed in batches, one batch per
 * core at a time, or one on a GPU. Neither batch size nor padding changes a sum by more than the
 * rounding of float32 sums that run in another order.
 */
public final class TokenScorer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(TokenScorer.class);

  /** Compiled batches are padded to multiples of these, so that few programs are compiled. */
  private static final int LENGTH_MULTIPLE = 64;

  private static final int SCORED_MULTIPLE = 16;

  private final BaseModel base;
  private final ModelSession session;
  private final Map<String, Model> models = new LinkedHashMap<>();
  private final Set<Shape> shapes = ConcurrentHashMap.newKeySet();
  private final boolean compiled;
  private final int batchesAtOnce;
  private Model current;

  /**
   * What XLA compiles a program for.
   *
   * @param rows B
   * @param length T
   * @param scored L
   */
  private record Shape(Model model, int rows, int length, int scored) {}

  /** A graph in the session. */
  private record Model(TokenLogProbabilities logProbabilities, int virtualTokens) {}

  /**
   * A sequence, of which the tokens from {@code from} on are scored.
   *
   * @param tokens ids, at least {@code from + 1}
   * @param from at least 1: nothing comes before the first token that could predict it
   */
  public record Sequence(List<Integer> tokens, int from) {
    public Sequence {
      tokens = List.copyOf(tokens);
      if (from < 1 || from >= tokens.size()) {
        throw new IllegalArgumentException(
            "a scored sequence needs 1 <= from < its "
                + tokens.size()
                + " tokens, got from "
                + from);
      }
    }

    int length() {
      return tokens.size();
    }

    int scored() {
      return tokens.size() - from;
    }
  }

  private TokenScorer(
      BaseModel base,
      ModelSession session,
      Map<String, GraphDef> graphs,
      Compile compile,
      SessionOptions options) {
    this.base = base;
    this.session = session;
    this.compiled = compile.compiles(options.device());
    this.batchesAtOnce = options.replicas();
    graphs.forEach(
        (name, graph) ->
            models.put(
                name,
                new Model(
                    new TokenLogProbabilities(session, graph, "scored_" + models.size(), compiled),
                    Sites.virtualTokens(graph))));
    this.current = models.values().iterator().next();
  }

  /**
   * Loads {@code base} once and all adapters beside it; caller closes. The first of {@code stacks}
   * is the one in use.
   *
   * @param stacks one or more, of different names; those that share an adapter share its values
   * @param options what it computes on
   * @throws org.llmadapters.graph.FormatException if an adapter does not fit the model; lists
   *     everything that does not
   */
  public static TokenScorer open(
      BaseModel base, List<AdapterStack> stacks, Compile compile, SessionOptions options)
      throws IOException {
    ModelSession session = new ModelSession(options);
    try {
      Map<String, GraphDef> graphs = new StackedAdapters(base, session).graphs(stacks);
      session.declare(base.graph().weights());
      session.restore(base.variables(), base.graph().weights());
      return new TokenScorer(base, session, graphs, compile, options);
    } catch (RuntimeException | IOException | Error e) {
      session.close();
      throw e;
    }
  }

  /** The same on the device of {@link SessionOptions#forThisMachine}, compiled if that is a GPU. */
  public static TokenScorer open(BaseModel base, List<AdapterStack> stacks) throws IOException {
    return open(base, stacks, Compile.AUTO, SessionOptions.forThisMachine());
  }

  /**
   * Scores with the adapters of the stack called {@code name} from now on. Not to be called while
   * anything is scored.
   *
   * @throws IllegalArgumentException if none was loaded under that name, naming those that were
   */
  public void use(String name) {
    Model model = models.get(name);
    if (model == null) {
      throw new IllegalArgumentException(
          "no adapter is called \"" + name + "\"; there are " + String.join(", ", models.keySet()));
    }
    current = model;
  }

  /** The most tokens of a sequence with the adapters in use; empty if there is no limit. */
  public OptionalInt maxLength() {
    OptionalInt limit = Architecture.maxPositions(base.config());
    return limit.isPresent()
        ? OptionalInt.of(limit.getAsInt() - current.virtualTokens)
        : OptionalInt.empty();
  }

  /** Is told how scoring goes on. */
  @FunctionalInterface
  public interface Listener {
    /**
     * A batch is done. Called by one thread at a time.
     *
     * @param sums of each of its sequences, by the sequence's number
     */
    void finished(Map<Integer, Double> sums);
  }

  /**
   * The sum of the natural logarithms of the probabilities of each sequence's scored tokens, each
   * given all tokens before it.
   *
   * @return in the order of {@code sequences}
   * @throws IllegalArgumentException if a sequence is too long for the model
   */
  public List<Double> score(List<Sequence> sequences, int batchSize, Listener listener) {
    sequences.forEach(this::requireFits);
    List<Double> sums = new ArrayList<>(Collections.nCopies(sequences.size(), Double.NaN));
    int fullSize = Math.min(batchSize, sequences.size());
    LongestFirst.run(
        sequences.stream().map(Sequence::length).toList(),
        batchSize,
        batchesAtOnce,
        "scoring",
        numbers -> scoreBatch(numbers, sequences, fullSize, sums, listener));
    return sums;
  }

  /**
   * @param fullSize rows of a batch that is not the last one
   */
  private void scoreBatch(
      List<Integer> numbers,
      List<Sequence> sequences,
      int fullSize,
      List<Double> sums,
      Listener listener) {
    List<Sequence> rows = numbers.stream().map(sequences::get).toList();
    int length =
        padded(rows.stream().mapToInt(Sequence::length).max().orElseThrow(), LENGTH_MULTIPLE);
    int scored =
        padded(rows.stream().mapToInt(Sequence::scored).max().orElseThrow(), SCORED_MULTIPLE);
    int size = compiled ? fullSize : rows.size();
    shapes.add(new Shape(current, size, length, scored));
    int[][] ids = new int[size][length];
    int[][] mask = new int[size][length];
    int[][] columns = new int[size][scored];
    for (int row = 0; row < size; row++) {
      // Rows that a compiled batch lacks are its last sequence again.
      Sequence sequence = rows.get(Math.min(row, rows.size() - 1));
      Arrays.fill(ids[row], base.config().tokenIds().padding());
      for (int i = 0; i < sequence.length(); i++) {
        ids[row][i] = sequence.tokens().get(i);
      }
      Arrays.fill(mask[row], 0, sequence.length(), 1);
      for (int i = 0; i < scored; i++) {
        // Rows with fewer scored tokens ask for their last one again.
        columns[row][i] = Math.min(sequence.from() + i, sequence.length() - 1);
      }
    }
    float[][] logProbabilities = current.logProbabilities.of(ids, mask, columns);
    Map<Integer, Double> finished = new LinkedHashMap<>();
    for (int row = 0; row < rows.size(); row++) {
      double sum = 0;
      for (int i = 0; i < rows.get(row).scored(); i++) {
        sum += logProbabilities[row][i];
      }
      finished.put(numbers.get(row), sum);
    }
    synchronized (sums) {
      finished.forEach(sums::set);
      listener.finished(finished);
    }
  }

  /** {@code length}, or the next multiple where XLA compiles a program for each shape. */
  private int padded(int length, int multiple) {
    int next = (length + multiple - 1) / multiple * multiple;
    return compiled ? Math.min(next, Math.max(length, maxLength().orElse(next))) : length;
  }

  /**
   * Checks that {@code sequence} can be scored with the adapters in use.
   *
   * @throws IllegalArgumentException if it is too long for the model
   */
  void requireFits(Sequence sequence) {
    OptionalInt limit = maxLength();
    if (limit.isPresent() && sequence.length() > limit.getAsInt()) {
      throw new IllegalArgumentException(
          "a prompt and a choice of together "
              + sequence.length()
              + " tokens exceed the "
              + limit.getAsInt()
              + " that the model takes");
    }
  }

  /** Shapes of batches so far, with each adapter; where XLA compiles, each is compiled once. */
  int shapes() {
    return shapes.size();
  }

  @Override
  public void close() {
    if (compiled) {
      log.info("{} shapes compiled", shapes());
    }
    session.close();
  }
}
