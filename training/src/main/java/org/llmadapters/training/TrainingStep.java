package org.llmadapters.training;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * The training step as one graph call: a batch is cut into one part per replica, every replica
 * calls the same {@link GradientFunction}, the sums are added, and {@link AdamW} updates the
 * trained variables.
 *
 * <p>With gradient accumulation, {@link #accumulate} adds the sums of a micro batch to
 * accumulators, and {@link #applyAccumulated} divides by the tokens of all of them: the same update
 * as one large batch.
 */
final class TrainingStep {
  private final ModelSession model;
  private final GraphDef graphDef;
  private final List<Weight> trained;
  private final @Nullable String seedNode;
  private final AdamW optimizer;
  private final int replicas;
  private final boolean xla;
  private final Ops tf;
  private final Placeholder<TInt32> seed;
  private final Map<StepShape, MicroBatch> microBatches = new HashMap<>();
  private @Nullable GradientAccumulators accumulators;
  private AdamW.@Nullable Update accumulatedUpdate;

  /**
   * How the step is run.
   *
   * @param replicas parts of a batch that run side by side
   * @param xla whether XLA compiles the gradient function
   */
  record Execution(int replicas, boolean xla) {}

  /**
   * A step over variables that {@code model} already has.
   *
   * @param graphDef the model's flat graph
   * @param trained float32 variables to update
   * @param seedNode the graph's dropout seed, or null if there is no dropout
   */
  TrainingStep(
      ModelSession model,
      GraphDef graphDef,
      List<Weight> trained,
      @Nullable String seedNode,
      OptimizerConfig optimizer,
      Execution execution) {
    this.model = model;
    this.graphDef = graphDef;
    this.trained = List.copyOf(trained);
    this.seedNode = seedNode;
    this.optimizer = new AdamW(model, trained, optimizer);
    this.replicas = execution.replicas();
    this.xla = execution.xla();
    this.tf = model.tf();
    this.seed = tf.withName("step_seed").placeholder(TInt32.class, Placeholder.shape(Shape.of(2)));
  }

  /** Forward, backward and update in one call. */
  StepOutcome step(TokenBatch batch, UpdateRate rate) {
    MicroBatch micro = microBatch(batch.shape());
    AdamW.Update update = micro.direct;
    if (update == null) {
      update = optimizer.update(micro.sums);
      micro.direct = update;
    }
    return optimizer.run(feed(micro, batch), update, rate);
  }

  /** Adds the gradients of {@code batch} to the accumulators. */
  void accumulate(TokenBatch batch) {
    MicroBatch micro = microBatch(batch.shape());
    List<Op> targets = micro.accumulation;
    if (targets == null) {
      targets = accumulators().adding(micro.sums);
      micro.accumulation = targets;
    }
    run(feed(micro, batch), targets);
  }

  /** Updates with what was accumulated since the last time, and empties the accumulators. */
  StepOutcome applyAccumulated(UpdateRate rate) {
    GradientAccumulators sums = accumulators();
    AdamW.Update update = accumulatedUpdate;
    if (update == null) {
      update = optimizer.update(sums.sums());
      accumulatedUpdate = update;
    }
    StepOutcome outcome = optimizer.run(model.session().runner(), update, rate);
    run(model.session().runner(), sums.reset());
    return outcome;
  }

  /** Loss of {@code batch}, nothing updated: its mean, and the counted tokens. */
  StepOutcome loss(TokenBatch batch) {
    MicroBatch micro = microBatch(batch.shape());
    try (Result result =
        feed(micro, batch).fetch(micro.sums.loss()).fetch(micro.sums.tokens()).run()) {
      double tokens = ((TFloat32) result.get(1)).getFloat();
      return new StepOutcome(
          ((TFloat32) result.get(0)).getFloat() / Math.max(tokens, 1), (long) tokens, 0);
    }
  }

  /**
   * Gradients of the mean loss of {@code batch} before clipping, by the names of the trained
   * variables.
   */
  Map<String, float[]> gradients(TokenBatch batch) {
    MicroBatch micro = microBatch(batch.shape());
    Session.Runner runner = feed(micro, batch).fetch(micro.sums.tokens());
    micro.sums.gradients().forEach(runner::fetch);
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (Result result = runner.run()) {
      float tokens = ((TFloat32) result.get(0)).getFloat();
      for (int i = 0; i < trained.size(); i++) {
        float[] gradient = new float[Math.toIntExact(trained.get(i).elements())];
        ((TFloat32) result.get(i + 1)).copyTo(DataBuffers.of(gradient, false, false));
        for (int j = 0; j < gradient.length; j++) {
          gradient[j] /= tokens;
        }
        gradients.put(trained.get(i).name(), gradient);
      }
    }
    return gradients;
  }

  /** How many shapes have been built, each of which is compiled once. */
  int shapes() {
    return microBatches.size();
  }

  private Session.Runner feed(MicroBatch micro, TokenBatch batch) {
    Session.Runner runner =
        model
            .session()
            .runner()
            .feed(micro.inputIds, batch.inputIds())
            .feed(micro.attentionMask, batch.attentionMask())
            .feed(micro.labels, batch.labels());
    return seedNode == null ? runner : runner.feed(seed, batch.seed());
  }

  private static void run(Session.Runner runner, List<Op> targets) {
    targets.forEach(runner::addTarget);
    runner.run().close();
  }

  private GradientAccumulators accumulators() {
    GradientAccumulators existing = accumulators;
    if (existing == null) {
      existing = new GradientAccumulators(model, trained);
      accumulators = existing;
    }
    return existing;
  }

  private MicroBatch microBatch(StepShape shape) {
    return microBatches.computeIfAbsent(shape, this::build);
  }

  private MicroBatch build(StepShape shape) {
    if (shape.batch() % replicas != 0) {
      throw new IllegalArgumentException(
          "a batch of " + shape.batch() + " rows cannot be cut into " + replicas + " equal parts");
    }
    int part = shape.batch() / replicas;
    String prefix = "step_" + shape.batch() + "x" + shape.length();
    Operand<TInt32> inputIds = tokens(prefix + "_input_ids", shape);
    Operand<TInt32> attentionMask = tokens(prefix + "_attention_mask", shape);
    Operand<TInt32> labels = tokens(prefix + "_labels", shape);
    List<List<Output<?>>> results = new ArrayList<>();
    StepShape partShape = new StepShape(part, shape.length());
    try (GradientFunction gradients =
        GradientFunction.build(graphDef, trained, seedNode, partShape)) {
      for (int replica = 0; replica < replicas; replica++) {
        List<Operand<?>> arguments = new ArrayList<>();
        Operand<TInt32> from = tf.constant(new int[] {replica * part, 0});
        for (Operand<TInt32> whole : List.of(inputIds, attentionMask, labels)) {
          arguments.add(tf.slice(whole, from, tf.constant(new int[] {part, shape.length()})));
        }
        if (seedNode != null) {
          // Sites add their index, below 2^20, to the same element.
          arguments.add(tf.math.add(seed, tf.constant(new int[] {0, replica << 20})));
        }
        gradients.variables().forEach(variable -> arguments.add(model.read(variable)));
        results.add(gradients.function().call(tf, prefix + "/replica_" + replica, arguments, xla));
      }
    }
    List<Operand<TFloat32>> sums = new ArrayList<>();
    for (int i = 0; i < trained.size() + 2; i++) {
      List<Operand<TFloat32>> parts = new ArrayList<>();
      for (List<Output<?>> result : results) {
        parts.add(float32(result.get(i)));
      }
      sums.add(parts.size() == 1 ? parts.get(0) : tf.math.addN(parts));
    }
    return new MicroBatch(
        inputIds,
        attentionMask,
        labels,
        new GradientSums(sums.get(0), sums.get(1), sums.subList(2, sums.size())));
  }

  private Operand<TInt32> tokens(String name, StepShape shape) {
    return tf.withName(name)
        .placeholder(TInt32.class, Placeholder.shape(Shape.of(shape.batch(), shape.length())));
  }

  @SuppressWarnings("unchecked")
  private static Operand<TFloat32> float32(Output<?> output) {
    return (Operand<TFloat32>) output;
  }

  /** The nodes for batches of one shape; what is not always needed is added when it first is. */
  private static final class MicroBatch {
    final Operand<TInt32> inputIds;
    final Operand<TInt32> attentionMask;
    final Operand<TInt32> labels;
    final GradientSums sums;
    AdamW.@Nullable Update direct;
    @Nullable List<Op> accumulation;

    MicroBatch(
        Operand<TInt32> inputIds,
        Operand<TInt32> attentionMask,
        Operand<TInt32> labels,
        GradientSums sums) {
      this.inputIds = inputIds;
      this.attentionMask = attentionMask;
      this.labels = labels;
      this.sums = sums;
    }
  }
}
