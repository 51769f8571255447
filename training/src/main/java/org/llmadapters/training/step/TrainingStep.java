package org.llmadapters.training.step;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.training.optimizer.Optimizer;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.types.TFloat32;

/**
 * The training step as one graph call: a batch is cut into one part per replica, every replica
 * calls the same {@link GradientFunction}, the sums are added, and {@link ClippedUpdate} moves the
 * trained variables. With one replica under XLA, all of it is one program.
 *
 * <p>With gradient accumulation, {@link #accumulate} adds the sums of a micro batch to
 * accumulators, and {@link #applyAccumulated} divides by the tokens of all of them: the same update
 * as one large batch.
 */
public final class TrainingStep {
  private final ModelSession model;
  private final ReplicatedFunction.Computation computation;
  private final Optimizer optimizer;
  private final LossScale lossScale;
  private final StepCalls calls;
  private final Map<StepShape, ShapedStep> steps = new HashMap<>();
  private @Nullable GradientAccumulators accumulators;
  private @Nullable StepCall accumulatedUpdate;

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
    this.optimizer = optimizer.optimizer();
    this.lossScale = lossScale;
    this.calls =
        new StepCalls(model, this.computation, optimizer, execution, lossScale.isDynamic());
  }

  /** Forward, backward and update in one call. */
  public StepOutcome step(TokenBatch batch, UpdateRate rate) {
    StepCall call = step(batch.shape()).direct();
    return noted(call.update(model.session(), batch, optimizer, rate));
  }

  /** Adds the gradients of {@code batch} to the accumulators. */
  public void accumulate(TokenBatch batch) {
    step(batch.shape()).accumulation().run(model.session(), batch);
  }

  /** Updates with what was accumulated since the last time, and empties the accumulators. */
  public StepOutcome applyAccumulated(UpdateRate rate) {
    StepCall update = accumulatedUpdate;
    if (update == null) {
      update = calls.accumulated(accumulators());
      accumulatedUpdate = update;
    }
    return noted(update.update(model.session(), null, optimizer, rate));
  }

  private StepOutcome noted(StepOutcome outcome) {
    lossScale.update(outcome);
    return outcome;
  }

  /**
   * Gradients of the mean loss of {@code batch} before clipping, by the names of the trained
   * variables.
   */
  public Map<String, float[]> gradients(TokenBatch batch) {
    ReplicatedFunction function = step(batch.shape()).gradients();
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

  private GradientAccumulators accumulators() {
    GradientAccumulators existing = accumulators;
    if (existing == null) {
      existing = new GradientAccumulators(model, computation.trained());
      accumulators = existing;
    }
    return existing;
  }

  private ShapedStep step(StepShape shape) {
    return steps.computeIfAbsent(shape, ShapedStep::new);
  }

  /** The calls for batches of one shape, each added when it is first needed. */
  private final class ShapedStep {
    private final StepShape shape;
    private @Nullable ReplicatedFunction gradients;
    private @Nullable StepCall direct;
    private @Nullable StepCall accumulation;

    ShapedStep(StepShape shape) {
      this.shape = shape;
    }

    ReplicatedFunction gradients() {
      ReplicatedFunction built = gradients;
      if (built == null) {
        built = calls.gradients(shape);
        gradients = built;
      }
      return built;
    }

    StepCall direct() {
      StepCall built = direct;
      if (built == null) {
        built = calls.step(shape, this::gradients);
        direct = built;
      }
      return built;
    }

    StepCall accumulation() {
      StepCall built = accumulation;
      if (built == null) {
        built = calls.accumulation(shape, this::gradients, accumulators());
        accumulation = built;
      }
      return built;
    }
  }
}
