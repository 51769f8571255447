package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.training.optimizer.Optimizer;
import org.tensorflow.Operand;
import org.tensorflow.Session;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.types.TFloat32;

/**
 * Placeholders for an {@link UpdateRate}.
 *
 * @param learningRate float32 []
 * @param coefficients float32 [] each: those of the optimizer
 */
record UpdateInputs(Placeholder<TFloat32> learningRate, List<Placeholder<TFloat32>> coefficients) {
  UpdateInputs {
    coefficients = List.copyOf(coefficients);
  }

  /** Adds those that {@code optimizer} needs to the graph of {@code tf}. */
  static UpdateInputs of(Ops tf, Optimizer optimizer) {
    List<Placeholder<TFloat32>> coefficients = new ArrayList<>();
    for (int i = 0; i < optimizer.coefficients(1).size(); i++) {
      coefficients.add(scalar(tf, "optimizer_coefficient_" + i));
    }
    return new UpdateInputs(scalar(tf, "learning_rate"), coefficients);
  }

  private static Placeholder<TFloat32> scalar(Ops tf, String name) {
    return tf.withName(name).placeholder(TFloat32.class, Placeholder.shape(Shape.scalar()));
  }

  /** All of them, in order. */
  List<Operand<?>> operands() {
    List<Operand<?>> operands = new ArrayList<>(List.of(learningRate));
    operands.addAll(coefficients);
    return operands;
  }

  /** Gives {@code runner} the values for {@code rate}, which the caller closes after the run. */
  List<TFloat32> feed(Session.Runner runner, Optimizer optimizer, UpdateRate rate) {
    List<TFloat32> fed = new ArrayList<>();
    feed(runner, learningRate, rate.learningRate(), fed);
    List<Double> values = optimizer.coefficients(rate.step());
    for (int i = 0; i < values.size(); i++) {
      feed(runner, coefficients.get(i), values.get(i), fed);
    }
    return fed;
  }

  private static void feed(
      Session.Runner runner, Placeholder<TFloat32> scalar, double value, List<TFloat32> fed) {
    TFloat32 tensor = TFloat32.scalarOf((float) value);
    fed.add(tensor);
    runner.feed(scalar, tensor);
  }
}
