package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.AdapterParameter.Initializer.Factor;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.family.TFloating;

/**
 * Gives a new adapter the values that its parameters' initializers ask for, but for those of a
 * text, which needs a tokenizer.
 */
public final class InitialValues {
  private static final Logger log = LoggerFactory.getLogger(InitialValues.class);

  private final ModelSession session;
  private final AdaptedGraph adapted;

  private InitialValues(ModelSession session, AdaptedGraph adapted) {
    this.session = session;
    this.adapted = adapted;
  }

  /**
   * LoRA's factors at one layer.
   *
   * @param seed of what is random in them
   */
  private record Pair(LoraFactors factors, AdapterParameter a, AdapterParameter b, long seed) {}

  /**
   * Checks that the values of a new adapter can be found, and that it can be saved.
   *
   * @throws IllegalArgumentException that lists all layers where they cannot
   */
  public static void check(AdaptedGraph adapted) {
    List<String> problems = new ArrayList<>();
    Set<String> quantized = QuantizedGraph.dequantized(adapted.graphDef()).keySet();
    for (AdapterParameter parameter : adapted.parameters()) {
      if (parameter.initializer() instanceof Factor factor && factor.side() == Factor.Side.A) {
        String module = parameter.name().substring(0, parameter.name().indexOf(".lora_A"));
        factor.factors().problems(module).forEach(problem -> problems.add(module + ": " + problem));
        if (factor.factors().init().takesFromBase()
            && quantized.contains(VariableNodes.readName(factor.factors().weight()))) {
          problems.add(
              module
                  + ": "
                  + factor.factors().init().fileName()
                  + " changes the weight, which is quantized; convert with --dtype bfloat16");
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          "init_lora_weights does not fit the model:\n  " + String.join("\n  ", problems));
    }
    if (adapted.config() instanceof LoraConfig lora && lora.variant().init().takesFromBase()) {
      lora.converted();
    }
  }

  /**
   * Assigns the values to the adapter's variables in {@code session}, where the base's variables
   * have theirs. An adapter that takes them out of the base changes the base's variables in {@code
   * session}, and no file.
   *
   * @param seed of all that is random
   * @return the values that were taken out of the base, row-major, by the names of their
   *     parameters; empty if none were
   */
  public static Map<String, float[]> assign(ModelSession session, AdaptedGraph adapted, long seed) {
    return new InitialValues(session, adapted).assign(seed);
  }

  private Map<String, float[]> assign(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, float[]> values = new HashMap<>();
    List<Pair> pairs = new ArrayList<>();
    for (AdapterParameter parameter : adapted.parameters()) {
      SplittableRandom own = random.split();
      if (parameter.initializer() instanceof Initializer.Drawn drawn) {
        values.put(variable(parameter).name(), draw(drawn, parameter, own));
      } else if (parameter.initializer() instanceof Initializer.OfBase ofBase) {
        values.put(variable(parameter).name(), value(wide(ofBase.weight())));
      } else if (parameter.initializer() instanceof Initializer.OutputNorms norms) {
        values.put(variable(parameter).name(), value(norms.of(session.tf(), wide(norms.weight()))));
      } else if (parameter.initializer() instanceof Factor factor
          && factor.side() == Factor.Side.A) {
        pairs.add(new Pair(factor.factors(), parameter, other(factor), own.nextLong()));
      }
    }
    session.assign(values);
    Map<String, float[]> taken = new HashMap<>();
    if (!pairs.isEmpty()) {
      log.info(
          "init_lora_weights {}: computing the initial values of {} modules",
          pairs.get(0).factors().init().fileName(),
          pairs.size());
    }
    pairs.forEach(pair -> assign(pair, taken)); // now that the norms of the base are known
    return taken;
  }

  private AdapterParameter other(Factor factor) {
    Initializer other = new Factor(factor.factors(), Factor.Side.B);
    return adapted.parameters().stream()
        .filter(parameter -> parameter.initializer().equals(other))
        .findFirst()
        .orElseThrow();
  }

  private void assign(Pair pair, Map<String, float[]> taken) {
    Ops tf = session.tf();
    Weight weight = pair.factors().weight();
    Operand<TFloat32> stored = wide(weight);
    LoraFactors.Values values = pair.factors().of(tf, stored, pair.seed());
    boolean takes = pair.factors().init().takesFromBase();
    Session.Runner runner = session.session().runner();
    if (takes) {
      Operand<TFloating> residual =
          TensorTypes.cast(tf, pair.factors().residual(tf, stored, values), weight.dtype());
      runner.addTarget(tf.assignVariableOp(session.handle(weight), residual));
    }
    List<float[]> found = fetch(List.of(values.a(), values.b()), runner);
    session.assign(
        Map.of(variable(pair.a()).name(), found.get(0), variable(pair.b()).name(), found.get(1)));
    if (takes) {
      taken.put(pair.a().name(), found.get(0));
      taken.put(pair.b().name(), found.get(1));
    }
  }

  private Weight variable(AdapterParameter parameter) {
    return parameter.variable(adapted.name());
  }

  /** The value of a weight of the base in float32. */
  private Operand<TFloat32> wide(Weight weight) {
    Operand<TFloating> value =
        session.holds(weight.name())
            ? session.read(weight)
            : session.compute(
                adapted.graphDef(),
                VariableNodes.readName(weight),
                "initial/" + adapted.name() + "/" + weight.node());
    return session.tf().dtypes.cast(value, TFloat32.class);
  }

  private float[] value(Operand<TFloat32> operand) {
    return fetch(List.of(operand), session.session().runner()).get(0);
  }

  private static float[] draw(
      Initializer.Drawn drawn, AdapterParameter parameter, SplittableRandom random) {
    float[] values = new float[Math.toIntExact(parameter.elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) drawn.next(random);
    }
    return values;
  }

  private static List<float[]> fetch(List<Operand<TFloat32>> operands, Session.Runner runner) {
    operands.forEach(runner::fetch);
    List<float[]> values = new ArrayList<>();
    try (Result result = runner.run()) {
      for (int i = 0; i < operands.size(); i++) {
        TFloat32 tensor = (TFloat32) result.get(i);
        float[] value = new float[Math.toIntExact(tensor.size())];
        tensor.copyTo(DataBuffers.of(value, false, false));
        values.add(value);
      }
    }
    return values;
  }
}
