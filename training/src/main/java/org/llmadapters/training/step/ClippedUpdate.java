package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.FunctionBody;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.optimizer.OptimizerInputs;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;

/**
 * The update of {@link OptimizerConfig} as operations on the trained variables and the optimizer's
 * state: sums become means, their global norm is limited, and the optimizer does the rest.
 */
final class ClippedUpdate {
  /** Added to the norm before dividing by it, as PyTorch's {@code clip_grad_norm_} does. */
  private static final float CLIP_EPSILON = 1e-6f;

  private final VariableScope variables;
  private final Ops tf;
  private final List<Weight> trained;
  private final OptimizerConfig config;
  private final UpdateInputs inputs;
  private final boolean skipsOverflow;

  /**
   * Updates of {@code trained}.
   *
   * @param variables where the operations are added; has the trained variables and their state
   * @param inputs there
   * @param skipsOverflow whether nothing changes where the gradients are not finite
   */
  ClippedUpdate(
      VariableScope variables,
      List<Weight> trained,
      OptimizerConfig config,
      UpdateInputs inputs,
      boolean skipsOverflow) {
    this.variables = variables;
    this.tf = variables.tf();
    this.trained = List.copyOf(trained);
    this.config = config;
    this.inputs = inputs;
    this.skipsOverflow = skipsOverflow;
  }

  /**
   * What to run and to fetch for one update.
   *
   * @param loss float32 []: mean over the counted tokens
   * @param tokens float32 []
   * @param gradNorm float32 []: before clipping
   * @param targets the updates of the variables
   */
  record Nodes(
      Operand<TFloat32> loss,
      Operand<TFloat32> tokens,
      Operand<TFloat32> gradNorm,
      List<Op> targets) {
    Nodes {
      targets = List.copyOf(targets);
    }

    /**
     * The same by a call of a function, which runs the targets.
     *
     * @param body has these nodes
     * @param name of the function and the call
     * @param inputs of the function
     * @param arguments of the call, one for each input
     */
    Nodes calledIn(
        FunctionBody body,
        String name,
        List<? extends Operand<?>> inputs,
        List<? extends Operand<?>> arguments) {
      List<Output<?>> results =
          body.call(name, inputs, arguments, targets, List.of(loss, tokens, gradNorm), true);
      return new Nodes(
          float32(results.get(0)), float32(results.get(1)), float32(results.get(2)), List.of());
    }

    @SuppressWarnings("unchecked")
    private static Operand<TFloat32> float32(Output<?> output) {
      return (Operand<TFloat32>) output;
    }

    /** The same with other targets. */
    Nodes withTargets(List<Op> others) {
      return new Nodes(loss, tokens, gradNorm, others);
    }
  }

  /** Adds the operations of an update by {@code sums / tokens}, clipped. */
  Nodes by(GradientSums sums) {
    Operand<TFloat32> perToken =
        tf.math.reciprocal(tf.math.maximum(sums.tokens(), tf.constant(1f)));
    List<Operand<TFloat32>> halfSquares =
        sums.gradients().stream().<Operand<TFloat32>>map(tf.nn::l2Loss).toList();
    Operand<TFloat32> norm =
        tf.math.mul(
            tf.math.sqrt(tf.math.mul(tf.math.addN(halfSquares), tf.constant(2f))), perToken);
    Operand<TFloat32> factor = tf.math.mul(perToken, clip(norm));
    List<Op> updates = new ArrayList<>();
    Operand<TBool> finite = tf.math.isFinite(norm);
    for (int i = 0; i < trained.size(); i++) {
      updates.add(update(trained.get(i), tf.math.mul(sums.gradients().get(i), factor), finite));
    }
    return new Nodes(tf.math.mul(sums.loss(), perToken), sums.tokens(), norm, updates);
  }

  private Operand<TFloat32> clip(Operand<TFloat32> norm) {
    if (config.maxGradNorm() == 0) {
      return tf.constant(1f);
    }
    Operand<TFloat32> limit = tf.constant((float) config.maxGradNorm());
    return tf.math.minimum(
        tf.constant(1f), tf.math.div(limit, tf.math.add(norm, tf.constant(CLIP_EPSILON))));
  }

  private Op update(Weight weight, Operand<TFloat32> gradient, Operand<TBool> finite) {
    double multiple = config.rates().of(weight);
    Operand<TFloat32> rate = inputs.learningRate();
    Operand<TFloat32> ownRate =
        multiple == 1 ? rate : tf.math.mul(rate, tf.constant((float) multiple));
    OptimizerInputs given =
        new OptimizerInputs(
            gradient, ownRate, config.weightDecayOf(weight), List.copyOf(inputs.coefficients()));
    if (!skipsOverflow) {
      return config.optimizer().update(variables, weight, given);
    }
    List<Weight> changed = new ArrayList<>(config.optimizer().state(weight));
    changed.add(weight);
    return ConditionalUpdate.of(
        variables,
        changed,
        finite,
        given,
        ready -> config.optimizer().update(variables, weight, ready));
  }
}
