package org.llmadapters.training;

/**
 * The evaluation of a run with the lowest loss.
 *
 * @param step after which it was
 * @param evalLoss in nats, finite
 */
public record BestEvaluation(long step, double evalLoss) {}
