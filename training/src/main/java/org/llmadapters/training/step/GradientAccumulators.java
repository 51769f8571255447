package org.llmadapters.training.step;

import com.google.common.collect.Iterables;
import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

/** Variables that hold the sums of several micro batches until they are applied. */
final class GradientAccumulators {
  private final List<Weight> variables = new ArrayList<>();

  /** Declares accumulators for {@code trained}, as zeros. */
  GradientAccumulators(ModelSession model, List<Weight> trained) {
    variables.add(new Weight("accumulated.loss", WeightDtype.FLOAT32, List.of()));
    variables.add(new Weight("accumulated.tokens", WeightDtype.FLOAT32, List.of()));
    for (Weight weight : trained) {
      variables.add(
          new Weight("accumulated.gradient." + weight.name(), WeightDtype.FLOAT32, weight.shape()));
    }
    model.declareZeros(variables);
  }

  /** What has been accumulated. */
  GradientSums sums(VariableScope scope) {
    List<Operand<TFloat32>> values = new ArrayList<>();
    variables.forEach(variable -> values.add(scope.read(variable)));
    return new GradientSums(values.get(0), values.get(1), values.subList(2, values.size()));
  }

  /** Operations that add {@code sums}. */
  List<Op> adding(VariableScope scope, GradientSums sums) {
    List<Op> targets = new ArrayList<>();
    int i = 0;
    for (Operand<TFloat32> sum :
        Iterables.concat(List.of(sums.loss(), sums.tokens()), sums.gradients())) {
      targets.add(scope.tf().assignAddVariableOp(scope.handle(variables.get(i++)), sum));
    }
    return targets;
  }

  /** Operations that set all sums to zero, after {@code before}. */
  List<Op> reset(VariableScope scope, List<Op> before) {
    Ops tf = scope.tf().withControlDependencies(before);
    List<Op> targets = new ArrayList<>();
    for (Weight variable : variables) {
      long[] sizes = variable.shape().stream().mapToLong(Long::longValue).toArray();
      targets.add(
          tf.assignVariableOp(
              scope.handle(variable), tf.zeros(tf.constant(sizes), TFloat32.class)));
    }
    return targets;
  }
}
