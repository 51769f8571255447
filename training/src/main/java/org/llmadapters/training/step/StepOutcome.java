package org.llmadapters.training.step;

/**
 * What a step did.
 *
 * @param loss mean over the counted tokens, before the update
 * @param tokens counted tokens
 * @param gradNorm global norm of the gradients before clipping
 */
public record StepOutcome(double loss, long tokens, double gradNorm) {}
