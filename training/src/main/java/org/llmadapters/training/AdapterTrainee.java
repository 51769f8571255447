package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.InitialValues;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.StoredAdapter;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.optimizer.FactorRates;
import org.llmadapters.training.step.ReplicatedFunction;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/** An adapter on a frozen base. The result is a PEFT directory. */
public final class AdapterTrainee implements Trainee {
  private static final String NAME = "default";

  private final BaseModel base;
  private final AdaptedGraph adapted;
  private final List<AdapterParameter> stored;
  private final ReplicatedFunction.Computation training;
  private final ReplicatedFunction.Computation inference;
  private final ModelSession session;

  /** What the adapter took out of the base, by the names of its parameters. */
  private final Map<String, float[]> taken;

  private int saves;

  private AdapterTrainee(
      BaseModel base,
      AdaptedGraph adapted,
      AdaptedGraph evaluated,
      List<AdapterParameter> stored,
      FactorRates rates,
      ModelSession session,
      Map<String, float[]> taken) {
    this.base = base;
    this.adapted = adapted;
    this.stored = stored;
    this.training = computation(adapted, rates);
    this.inference = new ReplicatedFunction.Computation(evaluated.graphDef(), List.of(), null);
    this.session = session;
    this.taken = taken;
  }

  /** The graph in which an adapter is trained. */
  static AdaptedGraph training(BaseGraph base, AdapterConfig config) {
    return Splicer.splice(base.graphDef(), config, NAME, Splicer.Mode.TRAINING);
  }

  /** What is computed when an adapter is trained. */
  static ReplicatedFunction.Computation computation(AdaptedGraph adapted, FactorRates rates) {
    boolean dropout =
        adapted.graphDef().getNodeList().stream()
            .anyMatch(node -> node.getName().equals(adapted.dropoutSeed()));
    return new ReplicatedFunction.Computation(
        adapted.graphDef(),
        rates.trained(adapted.variables()),
        dropout ? adapted.dropoutSeed() : null);
  }

  /** All of an adapter is trained; else as the other {@code open}. */
  public static AdapterTrainee open(
      BaseModel base,
      AdapterConfig config,
      @Nullable PeftAdapter initial,
      long seed,
      SessionOptions options)
      throws IOException {
    return open(base, config, initial, FactorRates.EQUAL, seed, options);
  }

  /**
   * A new adapter with values drawn from {@code seed}, or one with the values of {@code initial};
   * caller closes.
   *
   * @param rates which tell what is trained
   * @throws IllegalArgumentException if a target matches no module, if {@code init_lora_weights}
   *     does not fit the model, or if {@code rates} are not equal and there are no factors
   */
  public static AdapterTrainee open(
      BaseModel base,
      AdapterConfig config,
      @Nullable PeftAdapter initial,
      FactorRates rates,
      long seed,
      SessionOptions options)
      throws IOException {
    GraphDef graph = base.graph().graphDef();
    AdaptedGraph adapted = training(base.graph(), config);
    AdaptedGraph evaluated = Splicer.splice(graph, config, NAME, Splicer.Mode.EVALUATION);
    List<AdapterParameter> stored =
        adapted.computed().isEmpty()
            ? adapted.parameters()
            : Splicer.splice(graph, config, NAME, Splicer.Mode.INFERENCE).parameters();
    rates.requireFactors("--adapter " + config.kind().cliName(), adapted.variables());
    if (initial == null) {
      InitialValues.check(adapted);
    } else {
      requireTrainable(adapted);
      initial.check(adapted.parameters(), base.config().describe());
    }
    ModelSession session = new ModelSession(options);
    try {
      session.declare(base.graph().weights());
      session.restore(base.variables(), base.graph().weights());
      session.declare(adapted.variables());
      Map<String, float[]> taken = Map.of();
      if (initial == null) {
        assignTexts(session, base, adapted.parameters());
        taken = InitialValues.assign(session, adapted, seed);
      } else {
        assign(session, initial, adapted.parameters());
      }
      return new AdapterTrainee(base, adapted, evaluated, stored, rates, session, taken);
    } catch (RuntimeException | IOException | Error e) {
      session.close();
      throw e;
    }
  }

  private static void requireTrainable(AdaptedGraph adapted) {
    if (!adapted.computed().isEmpty()) {
      throw new IllegalArgumentException(
          "an adapter of the kind "
              + adapted.config().kind().cliName()
              + " with an encoder stores what the encoder gave, not the encoder, and cannot be"
              + " trained further; go on from a checkpoint of its run with --resume");
    }
  }

  private static void assign(
      ModelSession session, PeftAdapter initial, List<AdapterParameter> parameters)
      throws IOException {
    Map<Weight, AdapterParameter> byVariable = new LinkedHashMap<>();
    parameters.forEach(parameter -> byVariable.put(parameter.variable(NAME), parameter));
    session.assign(
        List.copyOf(byVariable.keySet()),
        variable -> initial.tensor(Objects.requireNonNull(byVariable.get(variable)).name()));
  }

  /** Gives those parameters their initial values that have them of a text. */
  private static void assignTexts(
      ModelSession session, BaseModel base, List<AdapterParameter> parameters) throws IOException {
    for (AdapterParameter parameter : parameters) {
      if (parameter.initializer() instanceof Initializer.TextEmbeddings text) {
        float[] values = embeddings(session, base, text, parameter.shape().get(0));
        session.assign(Map.of(parameter.variable(NAME).name(), values));
      }
    }
  }

  private static float[] embeddings(
      ModelSession session, BaseModel base, Initializer.TextEmbeddings initializer, long rows)
      throws IOException {
    int[] ids;
    try (Tokenizer tokenizer = base.requireTokenizer()) {
      ids = tokenizer.encode(initializer.text(), false);
    }
    if (ids.length == 0) {
      throw new IllegalArgumentException(
          "the initial text of the prompt, \"" + initializer.text() + "\", has no tokens");
    }
    int[] repeated = new int[Math.toIntExact(rows)];
    Arrays.setAll(repeated, i -> ids[i % ids.length]);
    String embedding =
        Architecture.of(base.config().modelType()).spec().names().model().embedTokens() + ".weight";
    Weight weight =
        base.graph().weights().stream()
            .filter(candidate -> candidate.name().equals(embedding))
            .findFirst()
            .orElseThrow();
    Ops tf = session.tf();
    return value(
        session, tf.gather(float32(session, weight), tf.constant(repeated), tf.constant(0)));
  }

  private static Operand<TFloat32> float32(ModelSession session, Weight weight) {
    return session.tf().dtypes.cast(session.<TFloating>read(weight), TFloat32.class);
  }

  private static float[] value(ModelSession session, Operand<TFloat32> operand) {
    try (Result result = session.session().runner().fetch(operand).run()) {
      TFloat32 tensor = (TFloat32) result.get(0);
      float[] value = new float[Math.toIntExact(tensor.size())];
      tensor.copyTo(DataBuffers.of(value, false, false));
      return value;
    }
  }

  @Override
  public ModelSession session() {
    return session;
  }

  @Override
  public ReplicatedFunction.Computation training() {
    return training;
  }

  @Override
  public ReplicatedFunction.Computation inference() {
    return inference;
  }

  @Override
  public List<Weight> kept() {
    return adapted.variables();
  }

  @Override
  public WeightDtype dtype() {
    return base.dtype();
  }

  @Override
  public long totalParameters() {
    return base.parameters() + adapted.trainableElements();
  }

  /** How many modules the adapter is attached to. */
  public int modules() {
    return adapted.modules().size();
  }

  @Override
  public void save(Path directory) throws IOException {
    Map<String, float[]> computed = new HashMap<>();
    adapted.computed().forEach((parameter, node) -> computed.put(parameter, computed(node)));
    StoredAdapter forBase =
        StoredAdapter.of(
            adapted.config(),
            stored,
            taken,
            parameter ->
                computed.containsKey(parameter.name())
                    ? computed.get(parameter.name())
                    : session.value(parameter.variable(NAME)));
    PeftAdapter.write(
        directory,
        forBase.config(),
        base.directory().toString(),
        forBase.parameters(),
        forBase.values());
  }

  /** What a node of the training graph gives, which needs variables alone. */
  private float[] computed(String node) {
    return value(session, session.compute(adapted.graphDef(), node, "stored_" + saves++));
  }

  @Override
  public void close() {
    session.close();
  }
}
