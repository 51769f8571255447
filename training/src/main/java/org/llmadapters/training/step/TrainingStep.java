package org.llmadapters.training.step;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.op.Op;
import org.tensorflow.types.TFloat32;

/**
 * The training step as one graph call: a batch is cut into one part per replica, every replica
 * calls the same {@link GradientFunction}, the sums are added, and {@link ClippedUpdate} moves the
 * trained variables.
 *
 * <p>With gradient accumulation, {@link #accumulate} adds the sums of a micro batch to
 * accumulators, and {@link #applyAccumulated} divides by the tokens of all of them: the same update
 * as one large batch.
 */
public final class TrainingStep {
  private final ModelSession model;
  private final ReplicatedFunction.Computation computation;
  private final ReplicatedFunction.Execution execution;
  private final ClippedUpdate optimizer;
  private final LossScale lossScale;
  private final Map<StepShape, ShapedStep> steps = new HashMap<>();
  private @Nullable GradientAccumulators accumulators;
  private ClippedUpdate.@Nullable Nodes accumulatedUpdate;

  /** A step without a loss scale. */
  public TrainingStep(
      ModelSession model,
      ReplicatedFunction.Computation computation,
      OptimizerConfig optimizer,
      ReplicatedFunction.Execution execution) {
    this(model, computation, optimizer, execution, new LossScale(model, LossScaling.OFF));
  }

  /**
   * A step over variables that {@code model} already has; the trained ones are float32.
   *
   * @param lossScale of {@code model}, which each step reads and updates; where it is dynamic, a
   *     step whose gradients are not finite changes no variable and nothing of the optimizer's
   */
  public TrainingStep(
      ModelSession model,
      ReplicatedFunction.Computation computation,
      OptimizerConfig optimizer,
      ReplicatedFunction.Execution execution,
      LossScale lossScale) {
    this.model = model;
    this.computation = computation.scaledBy(lossScale);
    this.execution = execution;
    this.optimizer =
        new ClippedUpdate(model, computation.trained(), optimizer, lossScale.isDynamic());
    this.lossScale = lossScale;
  }

  /** Forward, backward and update in one call. */
  public StepOutcome step(TokenBatch batch, UpdateRate rate) {
    ShapedStep step = step(batch.shape());
    ClippedUpdate.Nodes update = step.direct;
    if (update == null) {
      update = optimizer.by(step.function.sums());
      step.direct = update;
    }
    StepOutcome outcome = optimizer.run(step.function.feed(model.session(), batch), update, rate);
    lossScale.update(outcome);
    return outcome;
  }

  /** Adds the gradients of {@code batch} to the accumulators. */
  public void accumulate(TokenBatch batch) {
    ShapedStep step = step(batch.shape());
    List<Op> targets = step.accumulation;
    if (targets == null) {
      targets = accumulators().adding(step.function.sums());
      step.accumulation = targets;
    }
    run(step.function.feed(model.session(), batch), targets);
  }

  /** Updates with what was accumulated since the last time, and empties the accumulators. */
  public StepOutcome applyAccumulated(UpdateRate rate) {
    GradientAccumulators sums = accumulators();
    ClippedUpdate.Nodes update = accumulatedUpdate;
    if (update == null) {
      update = optimizer.by(sums.sums());
      accumulatedUpdate = update;
    }
    StepOutcome outcome = optimizer.run(model.session().runner(), update, rate);
    run(model.session().runner(), sums.reset());
    lossScale.update(outcome);
    return outcome;
  }

  /**
   * Gradients of the mean loss of {@code batch} before clipping, by the names of the trained
   * variables.
   */
  public Map<String, float[]> gradients(TokenBatch batch) {
    ReplicatedFunction function = step(batch.shape()).function;
    Session.Runner runner = function.feed(model.session(), batch).fetch(function.sums().tokens());
    function.sums().gradients().forEach(runner::fetch);
    Map<String, float[]> gradients = new LinkedHashMap<>();
    try (Result result = runner.run()) {
      float tokens = ((TFloat32) result.get(0)).getFloat();
      for (int i = 0; i < computation.trained().size(); i++) {
        Weight weight = computation.trained().get(i);
        float[] gradient = new float[Math.toIntExact(weight.elements())];
        ((TFloat32) result.get(i + 1)).copyTo(DataBuffers.of(gradient, false, false));
        for (int j = 0; j < gradient.length; j++) {
          gradient[j] /= tokens;
        }
        gradients.put(weight.name(), gradient);
      }
    }
    return gradients;
  }

  /** How many shapes have been built, each of which is compiled once. */
  public int shapes() {
    return steps.size();
  }

  private static void run(Session.Runner runner, List<Op> targets) {
    targets.forEach(runner::addTarget);
    runner.run().close();
  }

  private GradientAccumulators accumulators() {
    GradientAccumulators existing = accumulators;
    if (existing == null) {
      existing = new GradientAccumulators(model, computation.trained());
      accumulators = existing;
    }
    return existing;
  }

  private ShapedStep step(StepShape shape) {
    return steps.computeIfAbsent(
        shape,
        key ->
            new ShapedStep(
                ReplicatedFunction.build(
                    model,
                    computation,
                    execution,
                    key,
                    "step_" + key.batch() + "x" + key.length())));
  }

  /** The nodes for batches of one shape; what is not always needed is added when it first is. */
  private static final class ShapedStep {
    final ReplicatedFunction function;
    ClippedUpdate.@Nullable Nodes direct;
    @Nullable List<Op> accumulation;

    ShapedStep(ReplicatedFunction function) {
      this.function = function;
    }
  }
}
