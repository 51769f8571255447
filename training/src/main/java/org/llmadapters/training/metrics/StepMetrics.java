package org.llmadapters.training.metrics;

import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What one step of training measured; a line of {@link MetricsWriter}.
 *
 * @param step from 1: steps done, this one included
 * @param epoch epochs done, with its fraction
 * @param loss mean over the tokens to predict, in nats
 * @param learningRate of this step
 * @param gradNorm of all gradients together, before clipping
 * @param tokens the loss counted
 * @param lossScale that the loss was multiplied by, if it was
 * @param cost what the step took
 */
public record StepMetrics(
    long step,
    double epoch,
    double loss,
    double learningRate,
    double gradNorm,
    long tokens,
    OptionalDouble lossScale,
    Cost cost) {

  /**
   * What a step took: measured, so different in every run.
   *
   * @param tokensPerSecond real tokens trained on per second, prompts included, padding not
   * @param dataFraction of the step's time spent waiting for its batches, 0..1
   * @param rssMebibytes memory that the process had resident after the step; empty where the system
   *     does not tell
   */
  public record Cost(double tokensPerSecond, double dataFraction, OptionalLong rssMebibytes) {}
}
