package org.llmadapters.eval;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.LogitsFunction;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.rewrite.Sites;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.proto.GraphDef;

/**
 * A model in memory, without or with adapters, that generates greedily, by drawing tokens or by
 * beam search. Several adapters, alone or stacked, share one base: {@link #use} switches between
 * them.
 *
 * <p>Prompts are sorted by length, padded on the left and generated in batches, one batch per core
 * at a time, or one on a GPU. Neither batch size nor padding nor company changes what comes out.
 */
public final class Generator implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Generator.class);

  private final BaseModel base;
  private final ModelSession session;
  private final List<Integer> endIds;
  private final Compile compile;
  private final boolean compiled;
  private final int batchesAtOnce;
  private final Map<String, Model> models = new LinkedHashMap<>();
  private Model current;
  private @Nullable Tokenizer tokenizer;

  private Generator(
      BaseModel base,
      ModelSession session,
      Map<String, GraphDef> graphs,
      Compile compile,
      SessionOptions options)
      throws IOException {
    this.base = base;
    this.session = session;
    this.compile = compile;
    this.compiled = compile.compiles(options.device());
    this.batchesAtOnce = options.replicas();
    this.endIds = base.endIds();
    graphs.forEach((name, graph) -> models.put(name, new Model(graph)));
    this.current = models.values().iterator().next();
  }

  /**
   * Loads {@code base} and, if given, the PEFT adapter in a folder; caller closes.
   *
   * @param options what it computes on
   * @throws org.llmadapters.graph.FormatException if the adapter does not fit the model; lists
   *     everything that does not
   */
  public static Generator open(
      BaseModel base, Optional<Path> adapter, Compile compile, SessionOptions options)
      throws IOException {
    List<Path> directories = adapter.stream().toList();
    return open(base, List.of(new AdapterStack("adapter", directories)), compile, options);
  }

  /** The same on the device of {@link SessionOptions#forThisMachine}. */
  public static Generator open(BaseModel base, Optional<Path> adapter, Compile compile)
      throws IOException {
    return open(base, adapter, compile, SessionOptions.forThisMachine());
  }

  /** The same for all adapters, on the device of {@link SessionOptions#forThisMachine}. */
  public static Generator open(BaseModel base, List<AdapterStack> stacks, Compile compile)
      throws IOException {
    return open(base, stacks, compile, SessionOptions.forThisMachine());
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
  public static Generator open(
      BaseModel base, List<AdapterStack> stacks, Compile compile, SessionOptions options)
      throws IOException {
    ModelSession session = new ModelSession(options);
    try {
      // Adapters first: that one does not fit should not show after minutes of loading.
      Map<String, GraphDef> graphs = new StackedAdapters(base, session).graphs(stacks);
      session.declare(base.graph().weights());
      session.restore(base.variables(), base.graph().weights());
      return new Generator(base, session, graphs, compile, options);
    } catch (RuntimeException | IOException | Error e) {
      session.close();
      throw e;
    }
  }

  /** A graph and what generates by it; the variables are the session's. */
  private final class Model implements AutoCloseable {
    final GraphDef graph;
    final int virtualTokens;
    final Decoders decoders;
    @Nullable LogitsFunction logits;

    Model(GraphDef graph) {
      this.graph = graph;
      this.virtualTokens = Sites.virtualTokens(graph);
      this.decoders =
          new Decoders(base, session, graph, endIds, compiled, Generator.this::tokenizer);
    }

    @Override
    public void close() {
      decoders.close();
    }
  }

  /**
   * Generates with the adapters of the stack called {@code name} from now on. Not to be called
   * while anything is generated.
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

  /** Is told how generation goes on. */
  @FunctionalInterface
  public interface Listener {
    /**
     * A batch is done. Called by one thread at a time.
     *
     * @param answers the new tokens of each of its prompts, by the prompt's number
     */
    void finished(Map<Integer, int[]> answers);
  }

  /** Generates after every prompt, the items 0, 1, ... */
  public List<int[]> generate(List<int[]> prompts, GenerationConfig config, Listener listener) {
    List<Integer> items = IntStream.range(0, prompts.size()).boxed().toList();
    return generate(prompts, items, config, listener);
  }

  /**
   * Generates after every prompt.
   *
   * @param prompts token ids; none may be empty
   * @param items the number of each prompt in its file: what is drawn depends on it and on the
   *     seed, not on the other prompts
   * @return the new tokens of each prompt, in the order of {@code prompts}; the end token, or the
   *     tokens of the stop string, included
   * @throws IllegalArgumentException if a prompt is empty or too long for the model
   */
  public List<int[]> generate(
      List<int[]> prompts, List<Integer> items, GenerationConfig config, Listener listener) {
    requireRunnable(config, compile);
    current.decoders.prepare(config);
    if (!config.stop().isEmpty()) {
      tokenizer();
    }
    requireFit(prompts, config.maxNewTokens());
    List<int[]> results = new ArrayList<>(prompts);
    LongestFirst.run(
        prompts.stream().map(prompt -> prompt.length).toList(),
        config.batchSize(),
        batchesAtOnce,
        "generating",
        numbers -> generateBatch(numbers, prompts, items, results, config, listener));
    return results;
  }

  /** Throws if beam search shall be compiled, which it cannot. */
  static void requireRunnable(GenerationConfig config, Compile compile) {
    if (compile == Compile.ON && config.beams().numBeams() > 1) {
      throw new IllegalArgumentException(
          "beam search is not compiled by XLA; use --compile off or auto with --num-beams");
    }
  }

  private void generateBatch(
      List<Integer> numbers,
      List<int[]> prompts,
      List<Integer> items,
      List<int[]> results,
      GenerationConfig config,
      Listener listener) {
    List<int[]> rows = numbers.stream().map(prompts::get).toList();
    int padId = base.config().tokenIds().padding();
    int[][] generated;
    if (config.beams().numBeams() > 1) {
      generated = current.decoders.search(PromptBatch.of(rows, rows.size(), padId), config);
    } else {
      // A last batch that is not full gets empty rows, for the sake of its shape.
      int size = prompts.size() < config.batchSize() ? rows.size() : config.batchSize();
      List<Integer> itemsOfRows = numbers.stream().map(items::get).toList();
      generated = current.decoders.decode(PromptBatch.of(rows, size, padId), itemsOfRows, config);
    }
    Map<Integer, int[]> answers = new LinkedHashMap<>();
    for (int row = 0; row < numbers.size(); row++) {
      answers.put(numbers.get(row), generated[row]);
    }
    synchronized (results) {
      answers.forEach(results::set);
      listener.finished(answers);
    }
  }

  /** Only stop strings need one. */
  private synchronized Tokenizer tokenizer() {
    Tokenizer opened = tokenizer;
    if (opened == null) {
      try {
        opened = base.requireTokenizer();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      tokenizer = opened;
    }
    return opened;
  }

  /** Receives the tokens of a prompt as they are chosen. */
  @FunctionalInterface
  public interface TokenListener {
    /** Called with all tokens chosen so far; returning false ends the generation. */
    boolean chosen(int[] tokens);
  }

  /**
   * Generates after one prompt, the item 0, and reports each token as it comes; not by beam search.
   *
   * @return the new tokens; the end token, or the tokens of the stop string, included
   */
  public int[] stream(int[] prompt, GenerationConfig config, TokenListener listener) {
    requireFits(prompt, config.maxNewTokens());
    PromptBatch batch = PromptBatch.of(List.of(prompt), 1, base.config().tokenIds().padding());
    return current
        .decoders
        .decode(batch, List.of(0), config, 1, tokens -> listener.chosen(tokens[0]))[0];
  }

  /** The most tokens of a prompt with the adapters in use; empty if there is no limit. */
  OptionalInt maxPromptLength(int maxNewTokens) {
    OptionalInt limit = Architecture.maxPositions(base.config());
    return limit.isPresent()
        ? OptionalInt.of(limit.getAsInt() - current.virtualTokens - maxNewTokens)
        : OptionalInt.empty();
  }

  /**
   * Checks, before any work, that {@code prompts} can be answered with the adapters in use.
   *
   * @throws IllegalArgumentException if one is empty or too long for the model
   */
  void requireFit(List<int[]> prompts, int maxNewTokens) {
    prompts.forEach(prompt -> requireFits(prompt, maxNewTokens));
  }

  private void requireFits(int[] prompt, int maxNewTokens) {
    OptionalInt limit = Architecture.maxPositions(base.config());
    if (prompt.length == 0) {
      throw new IllegalArgumentException(
          "a prompt is empty; a model without a BOS token needs at least one token");
    }
    int virtualTokens = current.virtualTokens;
    if (limit.isPresent()
        && (long) virtualTokens + prompt.length + maxNewTokens > limit.getAsInt()) {
      throw new IllegalArgumentException(
          "a prompt of "
              + prompt.length
              + " tokens"
              + (virtualTokens > 0 ? ", " + virtualTokens + " virtual tokens of the adapter" : "")
              + " and max_new_tokens "
              + maxNewTokens
              + " exceed max_position_embeddings "
              + limit.getAsInt()
              + " of the model; lower --max-new-tokens or shorten the prompt");
    }
  }

  /**
   * The logits of whole sequences.
   *
   * @param inputIds [B][T]
   * @param attentionMask [B][T], 1 at real tokens
   * @return [B][T][V]; rows of padding have no meaning
   */
  public synchronized float[][][] logits(int[][] inputIds, int[][] attentionMask) {
    LogitsFunction function = current.logits;
    if (function == null) {
      // Names in the session's graph must differ.
      String name = "full_" + List.copyOf(models.values()).indexOf(current);
      function = new LogitsFunction(session, current.graph, name);
      current.logits = function;
    }
    return function.of(inputIds, attentionMask);
  }

  /** The model that generates. */
  public BaseModel base() {
    return base;
  }

  @Override
  public void close() {
    if (compiled) {
      log.info(
          "{} shapes compiled",
          models.values().stream().mapToInt(model -> model.decoders.shapes()).sum());
    }
    models.values().forEach(Model::close);
    session.close();
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
