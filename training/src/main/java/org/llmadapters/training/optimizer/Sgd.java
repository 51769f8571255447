package org.llmadapters.training.optimizer;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.train.ResourceApplyMomentum;
import org.tensorflow.types.TFloat32;

/**
 * Stochastic gradient descent, as PyTorch computes it without dampening. With {@code g' = g +
 * weight_decay * w}:
 *
 * <pre>
 *   b = momentum * b + g'
 *   w -= lr * b                      or, with nesterov, lr * (g' + momentum * b)
 * </pre>
 *
 * <p>Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep
 * learning"; {@code torch.optim.SGD}.
 *
 * @param momentum {@code momentum}; 0 for none
 * @param nesterov {@code nesterov}; needs momentum
 */
public record Sgd(double momentum, boolean nesterov) implements Optimizer {
  public Sgd {
    if (!(momentum >= 0 && momentum < 1)) {
      throw new IllegalArgumentException("momentum must be in [0, 1), got " + momentum);
    }
    if (nesterov && momentum == 0) {
      throw new IllegalArgumentException(
          "nesterov needs a momentum > 0, got 0.0; give --momentum, e.g. 0.9");
    }
  }

  /** The running sum of the gradients, if there is momentum. */
  @Override
  public List<Weight> state(Weight trained) {
    return momentum == 0 ? List.of() : List.of(momentumBuffer(trained));
  }

  private static Weight momentumBuffer(Weight trained) {
    return new Weight(
        "sgd.momentum_buffer." + trained.name(), WeightDtype.FLOAT32, trained.shape());
  }

  @Override
  public Op update(VariableScope variables, Weight trained, OptimizerInputs inputs) {
    Ops tf = variables.tf();
    Operand<TFloat32> gradient = inputs.withDecayInGradient(variables, trained).gradient();
    if (momentum == 0) {
      return tf.train.resourceApplyGradientDescent(
          variables.handle(trained), inputs.learningRate(), gradient);
    }
    return tf.train.resourceApplyMomentum(
        variables.handle(trained),
        variables.handle(momentumBuffer(trained)),
        inputs.learningRate(),
        gradient,
        tf.constant((float) momentum),
        ResourceApplyMomentum.useNesterov(nesterov));
  }
}
