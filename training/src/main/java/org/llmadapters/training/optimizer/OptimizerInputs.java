package org.llmadapters.training.optimizer;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.VariableScope;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
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

  /** The inputs with {@code weight_decay * trained} added to the gradient. */
  OptimizerInputs withDecayInGradient(VariableScope variables, Weight trained) {
    return new OptimizerInputs(
        plusDecay(variables, trained, gradient), learningRate, weightDecay, coefficients);
  }

  /** {@code value + weight_decay * trained}. */
  Operand<TFloat32> plusDecay(VariableScope variables, Weight trained, Operand<TFloat32> value) {
    if (weightDecay == 0) {
      return value;
    }
    Ops tf = variables.tf();
    return tf.math.add(
        value, tf.math.mul(variables.<TFloat32>read(trained), tf.constant((float) weightDecay)));
  }
}
