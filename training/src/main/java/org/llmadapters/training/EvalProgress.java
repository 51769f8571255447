package org.llmadapters.training;

import java.util.Optional;

/**
 * The best loss on the validation data so far, and for how long there was none: what early stopping
 * goes by.
 *
 * <p>Source: {@code EarlyStoppingCallback} and {@code Trainer._determine_best_metric} of
 * transformers 4.56: the best loss is the lowest one, but only one that is lower by more than the
 * threshold starts the count anew.
 *
 * @param best the evaluation with the lowest loss; of equal ones the first
 * @param withoutImprovement evaluations since the last improvement
 */
record EvalProgress(Optional<BestEvaluation> best, int withoutImprovement) {
  /** Nothing evaluated yet. */
  static final EvalProgress NONE = new EvalProgress(Optional.empty(), 0);

  EvalProgress {
    if (withoutImprovement < 0) {
      throw new IllegalArgumentException(
          "evaluations without improvement must be >= 0, got " + withoutImprovement);
    }
  }

  /**
   * Goes on with an evaluation.
   *
   * @param evalLoss one that is no number is no improvement
   * @param threshold by which the loss must be lower to count as an improvement
   */
  EvalProgress after(long step, double evalLoss, double threshold) {
    boolean lowest =
        Double.isFinite(evalLoss) && (best.isEmpty() || evalLoss < best.get().evalLoss());
    boolean improvement =
        lowest && (best.isEmpty() || best.get().evalLoss() - evalLoss > threshold);
    return new EvalProgress(
        lowest ? Optional.of(new BestEvaluation(step, evalLoss)) : best,
        improvement ? 0 : withoutImprovement + 1);
  }

  /** Whether the evaluation after {@code step} is the best. */
  boolean isBest(long step) {
    return best.isPresent() && best.get().step() == step;
  }
}
