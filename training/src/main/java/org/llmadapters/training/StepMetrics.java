package org.llmadapters.training;

/**
 * What one step of training measured; a line of {@link MetricsWriter}.
 *
 * @param step from 1: steps done, this one included
 * @param epoch epochs done, with its fraction
 * @param loss mean over the tokens to predict, in nats
 * @param learningRate of this step
 * @param gradNorm of all gradients together, before clipping
 * @param tokens the loss counted
 * @param tokensPerSecond real tokens trained on per second, prompts included, padding not
 */
public record StepMetrics(
    long step,
    double epoch,
    double loss,
    double learningRate,
    double gradNorm,
    long tokens,
    double tokensPerSecond) {}
