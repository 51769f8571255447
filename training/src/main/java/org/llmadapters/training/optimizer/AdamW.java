package org.llmadapters.training.optimizer;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.VariableScope;
import org.tensorflow.Operand;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

/**
 * AdamW, as PyTorch computes it: {@code w -= lr * weight_decay * w}, then the step of {@link Adam}
 * by the gradient alone.
 *
 * <p>Source: Loshchilov and Hutter 2017, arXiv:1711.05101; {@code torch.optim.AdamW}; defaults of
 * Hugging Face's Trainer.
 *
 * @param beta1 decay of the mean of gradients
 * @param beta2 decay of the mean of squares
 * @param eps added to the root of the mean square
 */
public record AdamW(double beta1, double beta2, double eps) implements Optimizer {
  public AdamW {
    Adam.check(beta1, beta2, eps);
  }

  /** Betas 0.9 and 0.999, eps 1e-8. */
  public static AdamW defaults() {
    return new AdamW(0.9, 0.999, 1e-8);
  }

  private Adam adam() {
    return new Adam(beta1, beta2, eps);
  }

  @Override
  public List<Weight> state(Weight trained) {
    return adam().state(trained);
  }

  @Override
  public List<Double> coefficients(long step) {
    return adam().coefficients(step);
  }

  @Override
  public Op update(VariableScope variables, Weight trained, OptimizerInputs inputs) {
    Ops tf = variables.tf();
    if (inputs.weightDecay() == 0) {
      return adam().apply(tf, variables, trained, inputs);
    }
    Operand<TFloat32> rate =
        tf.math.mul(inputs.learningRate(), tf.constant((float) inputs.weightDecay()));
    Operand<TFloat32> decay = tf.math.mul(rate, variables.<TFloat32>read(trained));
    // The read must come before the subtraction, and it does: the decay depends on it.
    Ops ordered =
        tf.withControlDependencies(
            List.of(tf.assignSubVariableOp(variables.handle(trained), decay)));
    return adam().apply(ordered, variables, trained, inputs);
  }
}
