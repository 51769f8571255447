package org.llmadapters.training;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TFloat32;

/**
 * The update of {@link OptimizerConfig} as operations on the trained variables and their two
 * moments.
 */
final class AdamW {
  /** Added to the norm before dividing by it, as PyTorch's {@code clip_grad_norm_} does. */
  private static final float CLIP_EPSILON = 1e-6f;

  private final ModelSession model;
  private final List<Weight> trained;
  private final OptimizerConfig config;
  private final Ops tf;
  private final Placeholder<TFloat32> learningRate;
  private final Placeholder<TFloat32> beta1Power;
  private final Placeholder<TFloat32> beta2Power;

  /** Declares the moments of {@code trained}, as zeros. */
  AdamW(ModelSession model, List<Weight> trained, OptimizerConfig config) {
    this.model = model;
    this.trained = List.copyOf(trained);
    this.config = config;
    this.tf = model.tf();
    this.learningRate = scalar("learning_rate");
    this.beta1Power = scalar("beta1_power");
    this.beta2Power = scalar("beta2_power");
    List<Weight> moments = new ArrayList<>();
    for (Weight weight : trained) {
      moments.add(firstMoment(weight));
      moments.add(secondMoment(weight));
    }
    model.declareZeros(moments);
  }

  /** The mean of the gradients of {@code trained}. */
  static Weight firstMoment(Weight trained) {
    return new Weight("adam.m." + trained.name(), WeightDtype.FLOAT32, trained.shape());
  }

  /** The mean of the squared gradients of {@code trained}. */
  static Weight secondMoment(Weight trained) {
    return new Weight("adam.v." + trained.name(), WeightDtype.FLOAT32, trained.shape());
  }

  /**
   * What to run and to fetch for one update.
   *
   * @param loss float32 []: mean over the counted tokens
   * @param tokens float32 []
   * @param gradNorm float32 []: before clipping
   * @param targets the updates of the variables
   */
  record Update(
      Operand<TFloat32> loss,
      Operand<TFloat32> tokens,
      Operand<TFloat32> gradNorm,
      List<Op> targets) {}

  /** Adds the operations of an update by {@code sums / tokens}, clipped. */
  Update update(GradientSums sums) {
    Operand<TFloat32> perToken =
        tf.math.reciprocal(tf.math.maximum(sums.tokens(), tf.constant(1f)));
    List<Operand<TFloat32>> halfSquares =
        sums.gradients().stream().<Operand<TFloat32>>map(tf.nn::l2Loss).toList();
    Operand<TFloat32> norm =
        tf.math.mul(
            tf.math.sqrt(tf.math.mul(tf.math.addN(halfSquares), tf.constant(2f))), perToken);
    Operand<TFloat32> factor = tf.math.mul(perToken, clip(norm));
    List<Op> updates = new ArrayList<>();
    for (int i = 0; i < trained.size(); i++) {
      updates.add(update(trained.get(i), tf.math.mul(sums.gradients().get(i), factor)));
    }
    return new Update(tf.math.mul(sums.loss(), perToken), sums.tokens(), norm, updates);
  }

  /** Runs {@code update} together with what {@code runner} already does. */
  StepOutcome run(Session.Runner runner, Update update, UpdateRate rate) {
    try (TFloat32 lr = TFloat32.scalarOf((float) rate.learningRate());
        TFloat32 power1 =
            TFloat32.scalarOf((float) Math.pow(config.beta1(), (double) rate.step()));
        TFloat32 power2 =
            TFloat32.scalarOf((float) Math.pow(config.beta2(), (double) rate.step()))) {
      runner.feed(learningRate, lr).feed(beta1Power, power1).feed(beta2Power, power2);
      update.targets().forEach(runner::addTarget);
      runner.fetch(update.loss()).fetch(update.tokens()).fetch(update.gradNorm());
      try (Result result = runner.run()) {
        return new StepOutcome(
            ((TFloat32) result.get(0)).getFloat(),
            (long) ((TFloat32) result.get(1)).getFloat(),
            ((TFloat32) result.get(2)).getFloat());
      }
    }
  }

  private Operand<TFloat32> clip(Operand<TFloat32> norm) {
    if (config.maxGradNorm() == 0) {
      return tf.constant(1f);
    }
    Operand<TFloat32> limit = tf.constant((float) config.maxGradNorm());
    return tf.math.minimum(
        tf.constant(1f), tf.math.div(limit, tf.math.add(norm, tf.constant(CLIP_EPSILON))));
  }

  private Op update(Weight weight, Operand<TFloat32> gradient) {
    double ratio = config.rates().of(weight);
    Operand<TFloat32> ownRate =
        ratio == 1 ? learningRate : tf.math.mul(learningRate, tf.constant((float) ratio));
    Ops ordered = tf;
    if (config.weightDecay() > 0) {
      Operand<TFloat32> rate = tf.math.mul(ownRate, tf.constant((float) config.weightDecay()));
      Operand<TFloat32> decay = tf.math.mul(rate, model.<TFloat32>read(weight));
      // The read must come before the subtraction, and it does: the decay depends on it.
      ordered =
          tf.withControlDependencies(List.of(tf.assignSubVariableOp(model.handle(weight), decay)));
    }
    // TensorFlow adds epsilon to the uncorrected root, PyTorch to the bias-corrected one.
    Operand<TFloat32> correction = tf.math.sqrt(tf.math.sub(tf.constant(1f), beta2Power));
    return ordered.train.resourceApplyAdam(
        model.handle(weight),
        model.handle(firstMoment(weight)),
        model.handle(secondMoment(weight)),
        beta1Power,
        beta2Power,
        ownRate,
        tf.constant((float) config.beta1()),
        tf.constant((float) config.beta2()),
        tf.math.mul(tf.constant((float) config.eps()), correction),
        gradient);
  }

  private Placeholder<TFloat32> scalar(String name) {
    return tf.withName(name).placeholder(TFloat32.class, Placeholder.shape(Shape.scalar()));
  }
}
