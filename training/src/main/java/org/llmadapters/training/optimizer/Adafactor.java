package org.llmadapters.training.optimizer;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.op.math.Mean;
import org.tensorflow.types.TFloat32;

/**
 * Adafactor without relative steps, as Hugging Face's Trainer uses it: of a matrix it keeps the
 * means of the squares of every row and every column, not of every element.
 *
 * <pre>
 *   beta = 1 - step^-0.8,  s = g^2 + 1e-30
 *   matrices   r = beta * r + (1 - beta) * mean of s over columns
 *              c = beta * c + (1 - beta) * mean of s over rows
 *              u = g / sqrt(r / mean(r)) / sqrt(c)
 *   vectors    v = beta * v + (1 - beta) * s,  u = g / sqrt(v)
 *   w -= lr * (u / max(1, rms(u)) + weight_decay * w)
 * </pre>
 *
 * <p>Source: Shazeer and Stern 2018, arXiv:1804.04235, algorithms 4 and 5; transformers, {@code
 * optimization.py}, {@code Adafactor} with {@code scale_parameter} and {@code relative_step} off.
 */
public record Adafactor() implements Optimizer {
  private static final double DECAY_RATE = -0.8;
  private static final float EPS = 1e-30f;
  private static final float CLIP_THRESHOLD = 1;

  /** Means of squares: of rows and columns of a matrix, of the elements of a vector. */
  @Override
  public List<Weight> state(Weight trained) {
    return isFactored(trained)
        ? List.of(rows(trained), columns(trained))
        : List.of(elements(trained));
  }

  private static boolean isFactored(Weight trained) {
    return trained.shape().size() >= 2;
  }

  private static Weight rows(Weight trained) {
    List<Long> shape = trained.shape().subList(0, trained.shape().size() - 1);
    return new Weight("adafactor.r." + trained.name(), WeightDtype.FLOAT32, shape);
  }

  private static Weight columns(Weight trained) {
    List<Long> shape = new ArrayList<>(trained.shape());
    shape.remove(shape.size() - 2);
    return new Weight("adafactor.c." + trained.name(), WeightDtype.FLOAT32, shape);
  }

  private static Weight elements(Weight trained) {
    return new Weight("adafactor.v." + trained.name(), WeightDtype.FLOAT32, trained.shape());
  }

  /** {@code 1 - step^-0.8}. */
  @Override
  public List<Double> coefficients(long step) {
    return List.of(1 - Math.pow((double) step, DECAY_RATE));
  }

  @Override
  public Op update(VariableScope variables, Weight trained, OptimizerInputs inputs) {
    Ops tf = variables.tf();
    Operand<TFloat32> beta = inputs.coefficients().get(0);
    Operand<TFloat32> squares = tf.math.add(tf.math.square(inputs.gradient()), tf.constant(EPS));
    List<Op> remembered = new ArrayList<>();
    Operand<TFloat32> inverseRoot;
    if (isFactored(trained)) {
      Operand<TFloat32> rows =
          averaged(variables, rows(trained), mean(tf, squares, -1), beta, remembered);
      Operand<TFloat32> columns =
          averaged(variables, columns(trained), mean(tf, squares, -2), beta, remembered);
      Operand<TFloat32> share =
          tf.math.div(rows, tf.math.mean(rows, tf.constant(-1), Mean.keepDims(true)));
      inverseRoot =
          tf.math.mul(
              tf.expandDims(tf.math.rsqrt(share), tf.constant(-1)),
              tf.expandDims(tf.math.rsqrt(columns), tf.constant(-2)));
    } else {
      inverseRoot =
          tf.math.rsqrt(averaged(variables, elements(trained), squares, beta, remembered));
    }
    Operand<TFloat32> step = clipped(tf, tf.math.mul(inputs.gradient(), inverseRoot), trained);
    return tf.withControlDependencies(remembered)
        .assignSubVariableOp(
            variables.handle(trained),
            tf.math.mul(inputs.learningRate(), inputs.plusDecay(variables, trained, step)));
  }

  /** {@code beta * old + (1 - beta) * value}, which is stored too. */
  private static Operand<TFloat32> averaged(
      VariableScope variables,
      Weight state,
      Operand<TFloat32> value,
      Operand<TFloat32> beta,
      List<Op> remembered) {
    Ops tf = variables.tf();
    Operand<TFloat32> averaged =
        tf.math.add(
            tf.math.mul(variables.<TFloat32>read(state), beta),
            tf.math.mul(value, tf.math.sub(tf.constant(1f), beta)));
    remembered.add(tf.assignVariableOp(variables.handle(state), averaged));
    return averaged;
  }

  private static Operand<TFloat32> mean(Ops tf, Operand<TFloat32> value, int axis) {
    return tf.math.mean(value, tf.constant(axis));
  }

  /** {@code u / max(1, rms(u))}, where 1 is {@code clip_threshold}. */
  private static Operand<TFloat32> clipped(Ops tf, Operand<TFloat32> step, Weight trained) {
    Operand<TFloat32> meanSquare =
        tf.math.mul(tf.nn.l2Loss(step), tf.constant((float) (2.0 / trained.elements())));
    Operand<TFloat32> rms = tf.math.sqrt(meanSquare);
    return tf.math.div(step, tf.math.maximum(rms, tf.constant(CLIP_THRESHOLD)));
  }
}
