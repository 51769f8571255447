package org.llmadapters.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/** An adapter on a frozen base. The result is a PEFT directory. */
public final class AdapterTrainee implements Trainee {
  private static final String NAME = "default";

  private final BaseModel base;
  private final AdaptedGraph adapted;
  private final ReplicatedFunction.Computation training;
  private final ReplicatedFunction.Computation inference;
  private final ModelSession session;

  private AdapterTrainee(
      BaseModel base, AdaptedGraph adapted, AdaptedGraph forInference, ModelSession session) {
    this.base = base;
    this.adapted = adapted;
    boolean dropout =
        adapted.graphDef().getNodeList().stream()
            .anyMatch(node -> node.getName().equals(adapted.dropoutSeed()));
    this.training =
        new ReplicatedFunction.Computation(
            adapted.graphDef(), adapted.variables(), dropout ? adapted.dropoutSeed() : null);
    this.inference = new ReplicatedFunction.Computation(forInference.graphDef(), List.of(), null);
    this.session = session;
  }

  /**
   * A new adapter with values drawn from {@code seed}, or one with the values of {@code initial};
   * caller closes.
   *
   * @throws IllegalArgumentException if a target matches no module
   */
  public static AdapterTrainee open(
      BaseModel base,
      AdapterConfig config,
      @Nullable PeftAdapter initial,
      long seed,
      SessionOptions options)
      throws IOException {
    AdaptedGraph adapted =
        Splicer.splice(base.graph().graphDef(), config, NAME, Splicer.Mode.TRAINING);
    AdaptedGraph forInference =
        Splicer.splice(base.graph().graphDef(), config, NAME, Splicer.Mode.INFERENCE);
    Map<String, float[]> values = new HashMap<>();
    if (initial != null) {
      initial.check(adapted.parameters(), base.config().describe());
    }
    SplittableRandom random = new SplittableRandom(seed);
    for (AdapterParameter parameter : adapted.parameters()) {
      SplittableRandom own = random.split();
      values.put(
          parameter.variable(NAME).name(),
          initial == null ? initialValue(parameter, own) : initial.tensor(parameter.name()));
    }
    ModelSession session = new ModelSession(options);
    try {
      session.declare(base.graph().weights());
      session.restore(base.variables(), base.graph().weights());
      session.declare(adapted.variables());
      if (initial == null) {
        values.putAll(norms(session, adapted.parameters()));
      }
      session.assign(values);
      return new AdapterTrainee(base, adapted, forInference, session);
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
  }

  /** The initial values that depend on the base's. */
  private static Map<String, float[]> norms(
      ModelSession session, List<AdapterParameter> parameters) {
    Map<String, float[]> values = new HashMap<>();
    for (AdapterParameter parameter : parameters) {
      if (parameter.initializer() instanceof Initializer.OutputNorms norms) {
        Ops tf = session.tf();
        Operand<TFloat32> weight =
            tf.dtypes.cast(session.<TFloating>read(norms.weight()), TFloat32.class);
        try (Result result = session.session().runner().fetch(norms.of(tf, weight)).run()) {
          float[] value = new float[Math.toIntExact(parameter.elements())];
          ((TFloat32) result.get(0)).copyTo(DataBuffers.of(value, false, false));
          values.put(parameter.variable(NAME).name(), value);
        }
      }
    }
    return values;
  }

  private static float[] initialValue(AdapterParameter parameter, SplittableRandom random) {
    float[] values = new float[Math.toIntExact(parameter.elements())];
    if (parameter.initializer() instanceof Initializer.Drawn drawn) {
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) drawn.next(random);
      }
    }
    return values;
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
  public long totalParameters() {
    return base.parameters() + adapted.trainableElements();
  }

  /** How many modules the adapter is attached to. */
  public int modules() {
    return adapted.modules().size();
  }

  @Override
  public void save(Path directory) throws IOException {
    PeftAdapter.write(
        directory,
        adapted.config(),
        base.directory().toString(),
        adapted.parameters(),
        parameter -> session.value(parameter.variable(NAME)));
  }

  @Override
  public void close() {
    session.close();
  }
}
