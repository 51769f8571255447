package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.rewrite.SeparateDocuments;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The calls of one {@link GradientFunction} that share a batch: each replica gets an equal part of
 * the rows, and what they return is added.
 */
public final class ReplicatedFunction {
  private final Placeholder<TInt32> inputIds;
  private final Placeholder<TInt32> attentionMask;
  private final Placeholder<TInt32> labels;
  private final @Nullable Placeholder<TInt32> seed;
  private final GradientSums sums;

  private ReplicatedFunction(
      Placeholder<TInt32> inputIds,
      Placeholder<TInt32> attentionMask,
      Placeholder<TInt32> labels,
      @Nullable Placeholder<TInt32> seed,
      GradientSums sums) {
    this.inputIds = inputIds;
    this.attentionMask = attentionMask;
    this.labels = labels;
    this.seed = seed;
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
   * Adds the calls to the graph of {@code model}.
   *
   * @param name of the calls, unique in that graph
   * @param shape of the whole batch; its rows must be a multiple of the replicas
   */
  static ReplicatedFunction build(
      ModelSession model,
      Computation computation,
      Execution execution,
      StepShape shape,
      String name) {
    int replicas = execution.replicas();
    if (shape.batch() % replicas != 0) {
      throw new IllegalArgumentException(
          "a batch of " + shape.batch() + " rows cannot be cut into " + replicas + " equal parts");
    }
    Ops tf = model.tf();
    Shape whole = Shape.of(shape.batch(), shape.length());
    Placeholder<TInt32> inputIds = placeholder(tf, name + "_input_ids", whole);
    Placeholder<TInt32> attentionMask = placeholder(tf, name + "_attention_mask", whole);
    Placeholder<TInt32> labels = placeholder(tf, name + "_labels", whole);
    Placeholder<TInt32> seed =
        computation.seedNode() == null ? null : placeholder(tf, name + "_seed", Shape.of(2));

    int part = shape.batch() / replicas;
    List<List<Output<?>>> results = new ArrayList<>();
    try (GradientFunction function =
        GradientFunction.build(
            model, computation, execution.memory(), new StepShape(part, shape.length()))) {
      for (int replica = 0; replica < replicas; replica++) {
        List<Operand<?>> arguments = new ArrayList<>();
        Operand<TInt32> from = tf.constant(new int[] {replica * part, 0});
        for (Operand<TInt32> tokens : List.of(inputIds, attentionMask, labels)) {
          arguments.add(tf.slice(tokens, from, tf.constant(new int[] {part, shape.length()})));
        }
        if (seed != null) {
          // Sites add their index, below 2^20, to the same element.
          arguments.add(tf.math.add(seed, tf.constant(new int[] {0, replica << 20})));
        }
        Weight lossScale = computation.lossScale();
        if (lossScale != null) {
          arguments.add(model.read(lossScale));
        }
        function.variables().forEach(variable -> arguments.add(model.read(variable)));
        results.add(
            function.function().call(tf, name + "/replica_" + replica, arguments, execution.xla()));
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
        inputIds,
        attentionMask,
        labels,
        seed,
        new GradientSums(added.get(0), added.get(1), added.subList(2, added.size())));
  }

  /** A run that gets {@code batch}; what to fetch is up to the caller. */
  Session.Runner feed(Session session, TokenBatch batch) {
    Session.Runner runner =
        session
            .runner()
            .feed(inputIds, batch.inputIds())
            .feed(attentionMask, batch.attentionMask())
            .feed(labels, batch.labels());
    return seed == null ? runner : runner.feed(seed, batch.seed());
  }

  /** What the replicas return, added. */
  GradientSums sums() {
    return sums;
  }

  private static Placeholder<TInt32> placeholder(Ops tf, String name, Shape shape) {
    return tf.withName(name).placeholder(TInt32.class, Placeholder.shape(shape));
  }

  @SuppressWarnings("unchecked")
  private static Operand<TFloat32> float32(Output<?> output) {
    return (Operand<TFloat32>) output;
  }
}
