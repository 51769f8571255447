package org.llmadapters.training.metrics;

/**
 * What an evaluation measured; a line of {@link MetricsWriter}.
 *
 * @param step from 1: the last one done
 * @param epoch epochs done, with its fraction
 * @param evalLoss mean over the tokens of the validation data to predict, in nats
 */
public record EvalMetrics(long step, double epoch, double evalLoss) {

  /** {@code exp(evalLoss)}: among how many tokens the model is, as it were, undecided. */
  public double perplexity() {
    return Math.exp(evalLoss);
  }
}
