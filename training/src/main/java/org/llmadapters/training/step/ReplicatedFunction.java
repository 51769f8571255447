package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.graph.rewrite.SeparateDocuments;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Session;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The calls of one {@link GradientFunction} that share a batch: each replica gets an equal part of
 * the rows, and what they return is added.
 */
public final class ReplicatedFunction {
  private final BatchInputs inputs;
  private final GradientSums sums;

  private ReplicatedFunction(BatchInputs inputs, GradientSums sums) {
    this.inputs = inputs;
    this.sums = sums;
  }

  /**
   * What is computed.
   *
   * @param graph the model's flat graph
   * @param trained variables to differentiate by; empty for the loss alone
   * @param seedNode the graph's dropout seed, or null if there is no dropout
   * @param lossScale the variable with the {@link LossScale}, or null if there is none
   */
  public record Computation(
      GraphDef graph, List<Weight> trained, @Nullable String seedNode, @Nullable Weight lossScale) {
    public Computation {
      trained = List.copyOf(trained);
    }

    /** Without a loss scale. */
    public Computation(GraphDef graph, List<Weight> trained, @Nullable String seedNode) {
      this(graph, trained, seedNode, null);
    }

    /** The same with the loss multiplied by {@code scale}, if there is one. */
    Computation scaledBy(LossScale scale) {
      return new Computation(graph, trained, seedNode, scale.variable().orElse(null));
    }

    /** The same for batches whose rows hold several documents; see {@link SeparateDocuments}. */
    public Computation ofDocuments() {
      return new Computation(SeparateDocuments.in(graph), trained, seedNode, lossScale);
    }
  }

  /**
   * How it is run.
   *
   * @param replicas parts of a batch that run side by side
   * @param xla whether XLA compiles the function
   * @param memory what is computed again, or in parts, to take less of it
   */
  public record Execution(int replicas, boolean xla, StepMemory memory) {

    /** As fast as it goes. */
    public Execution(int replicas, boolean xla) {
      this(replicas, xla, StepMemory.defaults());
    }
  }

  /**
   * Adds the calls to a graph.
   *
   * @param model has all variables of the computation
   * @param scope where the calls are added: {@code model}, or a function that it calls
   * @param name of the calls, unique in that graph
   * @param shape of the whole batch; its rows must be a multiple of the replicas
   */
  static ReplicatedFunction build(
      ModelSession model,
      VariableScope scope,
      Computation computation,
      Execution execution,
      StepShape shape,
      String name) {
    int replicas = execution.replicas();
    if (shape.batch() % replicas != 0) {
      throw new IllegalArgumentException(
          "a batch of " + shape.batch() + " rows cannot be cut into " + replicas + " equal parts");
    }
    Ops tf = scope.tf();
    BatchInputs inputs = BatchInputs.of(tf, name, shape, computation.seedNode() != null);
    List<List<Output<?>>> results = new ArrayList<>();
    StepShape part = new StepShape(shape.batch() / replicas, shape.length());
    try (GradientFunction function =
        GradientFunction.build(model, computation, execution.memory(), part)) {
      for (int replica = 0; replica < replicas; replica++) {
        List<Operand<?>> arguments = new ArrayList<>(part(tf, inputs, part, replica));
        if (computation.lossScale() != null) {
          arguments.add(scope.read(computation.lossScale()));
        }
        function.variables().forEach(variable -> arguments.add(scope.read(variable)));
        results.add(
            function.function().call(tf, name + "/replica_" + replica, arguments, execution.xla()));
      }
      if (scope != model) {
        // The function that calls this one finds it in the session's graph.
        model.graph().attachFunction(function.function().concrete());
      }
    }
    List<Operand<TFloat32>> added = new ArrayList<>();
    for (int i = 0; i < results.get(0).size(); i++) {
      List<Operand<TFloat32>> parts = new ArrayList<>();
      for (List<Output<?>> result : results) {
        parts.add(float32(result.get(i)));
      }
      added.add(parts.size() == 1 ? parts.get(0) : tf.math.addN(parts));
    }
    return new ReplicatedFunction(
        inputs, new GradientSums(added.get(0), added.get(1), added.subList(2, added.size())));
  }

  /** The rows of one replica, and its seed. */
  private static List<Operand<TInt32>> part(
      Ops tf, BatchInputs inputs, StepShape part, int replica) {
    List<Operand<TInt32>> rows = new ArrayList<>();
    Operand<TInt32> from = tf.constant(new int[] {replica * part.batch(), 0});
    Operand<TInt32> size = tf.constant(new int[] {part.batch(), part.length()});
    for (Operand<TInt32> tokens :
        List.of(inputs.inputIds(), inputs.attentionMask(), inputs.labels())) {
      rows.add(tf.slice(tokens, from, size));
    }
    if (inputs.seed() != null) {
      // Sites add their index, below 2^20, to the same element.
      rows.add(tf.math.add(inputs.seed(), tf.constant(new int[] {0, replica << 20})));
    }
    return rows;
  }

  /** A run that gets {@code batch}; what to fetch is up to the caller. */
  Session.Runner feed(Session session, TokenBatch batch) {
    return inputs.feed(session.runner(), batch);
  }

  /** What a run is fed. */
  BatchInputs inputs() {
    return inputs;
  }

  /** What the replicas return, added. */
  GradientSums sums() {
    return sums;
  }

  @SuppressWarnings("unchecked")
  private static Operand<TFloat32> float32(Output<?> output) {
    return (Operand<TFloat32>) output;
  }
}
