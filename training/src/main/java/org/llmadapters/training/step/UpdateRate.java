package org.llmadapters.training.step;

/**
 * What the optimizer has to know about the step it takes.
 *
 * @param step number of this update, from 1
 * @param learningRate of this update
 */
public record UpdateRate(long step, double learningRate) {
  public UpdateRate {
    if (step < 1) {
      throw new IllegalArgumentException("optimizer steps count from 1, got " + step);
    }
  }
}
