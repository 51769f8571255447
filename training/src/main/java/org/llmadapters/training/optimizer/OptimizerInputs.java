package org.llmadapters.training.optimizer;

import java.util.List;
import org.tensorflow.Operand;
import org.tensorflow.types.TFloat32;

/**
 * What the update of one variable starts from.
 *
 * @param gradient float32, of the variable's shape: of the mean loss, after clipping
 * @param learningRate float32 []: the variable's own
 * @param weightDecay {@code weight_decay}; 0 for none
 * @param coefficients float32 [] each: {@link Optimizer#coefficients} of the step
 */
public record OptimizerInputs(
    Operand<TFloat32> gradient,
    Operand<TFloat32> learningRate,
    double weightDecay,
    List<Operand<TFloat32>> coefficients) {
  public OptimizerInputs {
    coefficients = List.copyOf(coefficients);
  }

  /** The inputs with {@code gradient} in place of theirs. */
  OptimizerInputs withGradient(Operand<TFloat32> other) {
    return new OptimizerInputs(other, learningRate, weightDecay, coefficients);
  }
}
