package org.llmadapters.training;

import com.google.common.primitives.ImmutableDoubleArray;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import org.llmadapters.training.metrics.Series;
import org.llmadapters.training.step.StepOutcome;

/**
 * Stops a run that has gone wrong: when a loss or a gradient is no number any more, and when the
 * mean loss of the last 10 steps is over {@code max_loss_ratio} times the lowest such mean before.
 * A lowest mean below 1 nat counts as 1, since small losses change by large factors. A mean of 10
 * steps does not mind one bad batch; and a run that merely learns nothing is left alone.
 */
final class DivergenceCheck {
  private static final int STEPS = 10;

  /** In nats. */
  private static final double LEAST_REFERENCE = 1;

  private final double maxLossRatio;
  private final Deque<Double> last = new ArrayDeque<>();
  private double lowest = Double.POSITIVE_INFINITY;

  /**
   * A check for a run that has had {@code losses} so far.
   *
   * @param maxLossRatio 0 for no limit
   */
  DivergenceCheck(double maxLossRatio, Series losses) {
    this.maxLossRatio = maxLossRatio;
    ImmutableDoubleArray values = losses.values();
    values.forEach(this::add);
  }

  /** Takes note of a step that was left out, whose loss may be anything. */
  void skip(StepOutcome outcome) {
    add(outcome.loss());
  }

  /**
   * Adds a loss, if it is a number: others are those of steps left out. Gives the median of the
   * last 10, or NaN before there are as many.
   */
  private double add(double loss) {
    if (!Double.isFinite(loss)) {
      return Double.NaN;
    }
    if (last.isEmpty()) {
      lowest = loss;
    }
    last.addLast(loss);
    if (last.size() > STEPS) {
      last.removeFirst();
    }
    if (last.size() < STEPS) {
      return Double.NaN;
    }
    double[] sorted = last.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    double median = (sorted[STEPS / 2 - 1] + sorted[STEPS / 2]) / 2;
    lowest = Math.min(lowest, median);
    return median;
  }

  /**
   * Takes note of a step.
   *
   * @throws IllegalStateException if the run should end
   */
  void require(StepOutcome outcome, long step) {
    if (!Double.isFinite(outcome.loss()) || !Double.isFinite(outcome.gradNorm())) {
      throw new IllegalStateException(
          "step "
              + step
              + ": loss "
              + outcome.loss()
              + ", gradient norm "
              + outcome.gradNorm()
              + "; the last checkpoint is untouched. Lower --learning-rate, or add --warmup-steps");
    }
    double median = add(outcome.loss());
    double reference = Math.max(lowest, LEAST_REFERENCE);
    if (maxLossRatio > 0 && median > maxLossRatio * reference) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "step %d: the median loss of the last %d steps is %.4g, over %s times the lowest so"
                  + " far, %.4g: the run diverges; its checkpoints are untouched. Lower"
                  + " --learning-rate, add --warmup-steps, or let it go on with --resume"
                  + " --max-loss-ratio 0",
              step,
              STEPS,
              median,
              Double.toString(maxLossRatio).replaceFirst("\\.0$", ""),
              lowest));
    }
  }
}
