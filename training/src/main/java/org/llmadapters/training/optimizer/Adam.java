package org.llmadapters.training.optimizer;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

/**
 * Adam, as PyTorch computes it: {@code w -= lr * m^ / (sqrt(v^) + eps)} with the bias-corrected
 * means {@code m^} and {@code v^} of the gradient {@code g + weight_decay * w} and its square.
 *
 * <p>Source: Kingma and Ba 2014, arXiv:1412.6980; {@code torch.optim.Adam}.
 *
 * @param beta1 decay of the mean of gradients
 * @param beta2 decay of the mean of squares
 * @param eps added to the root of the mean square
 */
public record Adam(double beta1, double beta2, double eps) implements Optimizer {
  public Adam {
    check(beta1, beta2, eps);
  }

  /** Betas 0.9 and 0.999, eps 1e-8: PyTorch's and the Trainer's. */
  public static Adam defaults() {
    return new Adam(0.9, 0.999, 1e-8);
  }

  static void check(double beta1, double beta2, double eps) {
    checkBetas(beta1, beta2);
    if (!(eps > 0 && eps < 1)) {
      throw new IllegalArgumentException("eps must be in (0, 1), got " + eps);
    }
  }

  static void checkBetas(double beta1, double beta2) {
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw new IllegalArgumentException("betas must be in [0, 1), got " + beta1 + " and " + beta2);
    }
  }

  /** The means of the gradients and of their squares. */
  @Override
  public List<Weight> state(Weight trained) {
    return List.of(firstMoment(trained), secondMoment(trained));
  }

  private static Weight firstMoment(Weight trained) {
    return new Weight("adam.m." + trained.name(), WeightDtype.FLOAT32, trained.shape());
  }

  private static Weight secondMoment(Weight trained) {
    return new Weight("adam.v." + trained.name(), WeightDtype.FLOAT32, trained.shape());
  }

  /** {@code beta1^step} and {@code beta2^step}. */
  @Override
  public List<Double> coefficients(long step) {
    return List.of(Math.pow(beta1, (double) step), Math.pow(beta2, (double) step));
  }

  @Override
  public Op update(VariableScope variables, Weight trained, OptimizerInputs inputs) {
    return apply(
        variables.tf(), variables, trained, inputs.withDecayInGradient(variables, trained));
  }

  /** The update without any decay, by operations of {@code tf}. */
  Op apply(Ops tf, VariableScope variables, Weight trained, OptimizerInputs inputs) {
    Operand<TFloat32> beta1Power = inputs.coefficients().get(0);
    Operand<TFloat32> beta2Power = inputs.coefficients().get(1);
    // TensorFlow adds epsilon to the uncorrected root, PyTorch to the bias-corrected one.
    Operand<TFloat32> correction = tf.math.sqrt(tf.math.sub(tf.constant(1f), beta2Power));
    return tf.train.resourceApplyAdam(
        variables.handle(trained),
        variables.handle(firstMoment(trained)),
        variables.handle(secondMoment(trained)),
        beta1Power,
        beta2Power,
        inputs.learningRate(),
        tf.constant((float) beta1),
        tf.constant((float) beta2),
        tf.math.mul(tf.constant((float) eps), correction),
        inputs.gradient());
  }
}
