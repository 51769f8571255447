package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.optimizer.OptimizerInputs;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;

/**
 * The update of {@link OptimizerConfig} as operations on the trained variables and the optimizer's
 * state: sums become means, their global norm is limited, and the optimizer does the rest.
 */
final class ClippedUpdate {
  /** Added to the norm before dividing by it, as PyTorch's {@code clip_grad_norm_} does. */
  private static final float CLIP_EPSILON = 1e-6f;

  private final ModelSession model;
  private final List<Weight> trained;
  private final OptimizerConfig config;
  private final boolean skipsOverflow;
  private final Ops tf;
  private final Placeholder<TFloat32> learningRate;
  private final List<Placeholder<TFloat32>> coefficients = new ArrayList<>();

  /**
   * Declares the optimizer's state for {@code trained}, as zeros.
   *
   * @param skipsOverflow whether nothing changes where the gradients are not finite
   */
  ClippedUpdate(
      ModelSession model, List<Weight> trained, OptimizerConfig config, boolean skipsOverflow) {
    this.model = model;
    this.trained = List.copyOf(trained);
    this.config = config;
    this.skipsOverflow = skipsOverflow;
    this.tf = model.tf();
    this.learningRate = scalar("learning_rate");
    for (int i = 0; i < config.optimizer().coefficients(1).size(); i++) {
      coefficients.add(scalar("optimizer_coefficient_" + i));
    }
    model.declareZeros(
        trained.stream().flatMap(weight -> config.optimizer().state(weight).stream()).toList());
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
      List<Op> targets) {}

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

  /** Runs {@code nodes} together with what {@code runner} already does. */
  StepOutcome run(Session.Runner runner, Nodes nodes, UpdateRate rate) {
    List<TFloat32> fed = new ArrayList<>();
    try {
      feed(runner, learningRate, rate.learningRate(), fed);
      List<Double> values = config.optimizer().coefficients(rate.step());
      for (int i = 0; i < values.size(); i++) {
        feed(runner, coefficients.get(i), values.get(i), fed);
      }
      nodes.targets().forEach(runner::addTarget);
      runner.fetch(nodes.loss()).fetch(nodes.tokens()).fetch(nodes.gradNorm());
      try (Result result = runner.run()) {
        return new StepOutcome(
            ((TFloat32) result.get(0)).getFloat(),
            (long) ((TFloat32) result.get(1)).getFloat(),
            ((TFloat32) result.get(2)).getFloat());
      }
    } finally {
      fed.forEach(TFloat32::close);
    }
  }

  private static void feed(
      Session.Runner runner, Placeholder<TFloat32> scalar, double value, List<TFloat32> fed) {
    TFloat32 tensor = TFloat32.scalarOf((float) value);
    fed.add(tensor);
    runner.feed(scalar, tensor);
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
    Operand<TFloat32> ownRate =
        multiple == 1 ? learningRate : tf.math.mul(learningRate, tf.constant((float) multiple));
    OptimizerInputs inputs =
        new OptimizerInputs(
            gradient, ownRate, config.weightDecayOf(weight), List.copyOf(coefficients));
    if (!skipsOverflow) {
      return config.optimizer().update(model, weight, inputs);
    }
    List<Weight> changed = new ArrayList<>(config.optimizer().state(weight));
    changed.add(weight);
    return ConditionalUpdate.of(
        model, changed, finite, inputs, ready -> config.optimizer().update(model, weight, ready));
  }

  private Placeholder<TFloat32> scalar(String name) {
    return tf.withName(name).placeholder(TFloat32.class, Placeholder.shape(Shape.scalar()));
  }
}
