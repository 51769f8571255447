package org.llmadapters.training.step;

import com.google.common.collect.Iterables;
import java.util.ArrayList;
import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.Operand;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TFloat32;

/** Variables that hold the sums of several micro batches until they are applied. */
final class GradientAccumulators {
  private final ModelSession model;
  private final Ops tf;
  private final List<Weight> variables = new ArrayList<>();

  /** Declares accumulators for {@code trained}, as zeros. */
  GradientAccumulators(ModelSession model, List<Weight> trained) {
    this.model = model;
    this.tf = model.tf();
    variables.add(new Weight("accumulated.loss", WeightDtype.FLOAT32, List.of()));
    variables.add(new Weight("accumulated.tokens", WeightDtype.FLOAT32, List.of()));
    for (Weight weight : trained) {
      variables.add(
          new Weight("accumulated.gradient." + weight.name(), WeightDtype.FLOAT32, weight.shape()));
    }
    model.declareZeros(variables);
  }

  /** What has been accumulated. */
  GradientSums sums() {
    List<Operand<TFloat32>> values = new ArrayList<>();
    variables.forEach(variable -> values.add(model.read(variable)));
    return new GradientSums(values.get(0), values.get(1), values.subList(2, values.size()));
  }

  /** Operations that add {@code sums}. */
  List<Op> adding(GradientSums sums) {
    List<Op> targets = new ArrayList<>();
    int i = 0;
    for (Operand<TFloat32> sum :
        Iterables.concat(List.of(sums.loss(), sums.tokens()), sums.gradients())) {
      targets.add(tf.assignAddVariableOp(model.handle(variables.get(i++)), sum));
    }
    return targets;
  }

  /** Operations that set all sums to zero. */
  List<Op> reset() {
    List<Op> targets = new ArrayList<>();
    variables.forEach(variable -> targets.add(model.assignZeros(variable)));
    return targets;
  }
}
