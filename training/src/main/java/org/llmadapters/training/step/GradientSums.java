package org.llmadapters.training.step;

import java.util.List;
import org.tensorflow.Operand;
import org.tensorflow.types.TFloat32;

/**
 * Sums over all counted tokens of a batch.
 *
 * @param loss float32 []: of the losses
 * @param tokens float32 []: number of counted tokens
 * @param gradients of the summed loss, in the order of the trained variables
 */
record GradientSums(
    Operand<TFloat32> loss, Operand<TFloat32> tokens, List<Operand<TFloat32>> gradients) {
  GradientSums {
    gradients = List.copyOf(gradients);
  }
}
