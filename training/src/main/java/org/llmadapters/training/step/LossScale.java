package org.llmadapters.training.step;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.WeightDtype;

/**
 * The loss scale of a run, which {@link LossScaling} describes: a variable that the steps read, and
 * what becomes of it from step to step.
 *
 * <p>Source: {@code torch.amp.GradScaler}, with its growth factor of 2, backoff factor of 0.5 and
 * growth interval of 2000.
 */
public final class LossScale {
  private static final int GROWTH_INTERVAL = 2000;

  /** Below this not even the loss itself could be differentiated. */
  private static final double LEAST = 1;

  private static final Weight VARIABLE = new Weight("loss_scale", WeightDtype.FLOAT32, List.of());

  private final ModelSession model;
  private final LossScaling scaling;
  private State state;

  /**
   * The scale before the first step.
   *
   * @param scaling resolved
   */
  public LossScale(ModelSession model, LossScaling scaling) {
    if (scaling.kind() == LossScaling.Kind.AUTO) {
      throw new IllegalArgumentException("the loss scaling must be resolved by the model's dtype");
    }
    this.model = model;
    this.scaling = scaling;
    if (isOn()) {
      model.declare(List.of(VARIABLE));
    }
    this.state = assigned(new State(scaling.scale(), 0, 0));
  }

  /**
   * What a checkpoint holds.
   *
   * @param scale of the next step
   * @param growthTracker steps in a row without overflow since the scale last changed
   * @param skipped steps left out so far
   */
  public record State(double scale, int growthTracker, long skipped) {
    public State {
      if (!(scale > 0 && scale <= Float.MAX_VALUE) || growthTracker < 0 || skipped < 0) {
        throw new IllegalArgumentException(
            "a loss scale must be > 0 and finite, growth_tracker and skipped_steps >= 0, got "
                + scale
                + ", "
                + growthTracker
                + " and "
                + skipped);
      }
    }
  }

  /** Whether the loss is scaled at all. */
  public boolean isOn() {
    return scaling.kind() != LossScaling.Kind.OFF;
  }

  /** Whether a step is left out when its gradients are not finite. */
  public boolean isDynamic() {
    return scaling.kind() == LossScaling.Kind.DYNAMIC;
  }

  /** What the steps read: float32 []. */
  Optional<Weight> variable() {
    return isOn() ? Optional.of(VARIABLE) : Optional.empty();
  }

  /** The state before the next step. */
  public State state() {
    return state;
  }

  /** Goes on from {@code restored}. */
  public void restore(State restored) {
    state = assigned(restored);
  }

  private State assigned(State next) {
    if (isOn()) {
      model.assign(Map.of(VARIABLE.name(), new float[] {(float) next.scale()}));
    }
    return next;
  }

  /** Takes note of a step; one whose gradients were not finite has been left out. */
  void update(StepOutcome outcome) {
    if (!isDynamic()) {
      return;
    }
    if (!Double.isFinite(outcome.gradNorm())) {
      state = assigned(new State(state.scale() / 2, 0, state.skipped() + 1));
      return;
    }
    int tracker = state.growthTracker() + 1;
    double doubled = state.scale() * 2;
    if (tracker >= GROWTH_INTERVAL && doubled <= Float.MAX_VALUE) {
      state = assigned(new State(doubled, 0, state.skipped()));
    } else {
      state = new State(state.scale(), tracker % GROWTH_INTERVAL, state.skipped());
    }
  }

  /**
   * Does nothing while the scale is large enough to train with.
   *
   * @throws IllegalStateException if gradients overflow however small the scale is
   */
  public void requireEnough(long step) {
    if (isDynamic() && state.scale() < LEAST) {
      throw new IllegalStateException(
          "step "
              + step
              + ": the gradients are infinite or no numbers even with a loss scale of "
              + state.scale() * 2
              + ": the model itself exceeds what float16 can hold; its checkpoints are untouched."
              + " Convert the base with --dtype bfloat16, or lower --learning-rate");
    }
  }
}
