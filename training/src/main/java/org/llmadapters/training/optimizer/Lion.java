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
 * Lion: every value moves by the learning rate, up or down.
 *
 * <pre>
 *   w -= lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * w)
 *   m = beta2 * m + (1 - beta2) * g
 * </pre>
 *
 * <p>Its authors advise a learning rate three to ten times smaller than AdamW's, and a weight decay
 * larger by as much.
 *
 * <p>Source: Chen et al. 2023, arXiv:2302.06675, algorithm 2.
 *
 * @param beta1 weight of the mean against the gradient
 * @param beta2 decay of the mean of gradients
 */
public record Lion(double beta1, double beta2) implements Optimizer {
  public Lion {
    Adam.checkBetas(beta1, beta2);
  }

  /** Betas 0.9 and 0.99. */
  public static Lion defaults() {
    return new Lion(0.9, 0.99);
  }

  /** The mean of the gradients. */
  @Override
  public List<Weight> state(Weight trained) {
    return List.of(mean(trained));
  }

  private static Weight mean(Weight trained) {
    return new Weight("lion.m." + trained.name(), WeightDtype.FLOAT32, trained.shape());
  }

  @Override
  public Op update(VariableScope variables, Weight trained, OptimizerInputs inputs) {
    Ops tf = variables.tf();
    Operand<TFloat32> mean = variables.read(mean(trained));
    Operand<TFloat32> step = tf.math.sign(mixed(tf, beta1, mean, inputs.gradient()));
    // Both assignments depend on what was read, so they come after the reads.
    Op remembered =
        tf.assignVariableOp(
            variables.handle(mean(trained)), mixed(tf, beta2, mean, inputs.gradient()));
    return tf.withControlDependencies(List.of(remembered))
        .assignSubVariableOp(
            variables.handle(trained),
            tf.math.mul(inputs.learningRate(), inputs.plusDecay(variables, trained, step)));
  }

  /** {@code beta * mean + (1 - beta) * gradient}. */
  private static Operand<TFloat32> mixed(
      Ops tf, double beta, Operand<TFloat32> mean, Operand<TFloat32> gradient) {
    return tf.math.add(
        tf.math.mul(mean, tf.constant((float) beta)),
        tf.math.mul(gradient, tf.constant((float) (1 - beta))));
  }
}
