package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.training.optimizer.OptimizerInputs;
import org.tensorflow.Operand;
import org.tensorflow.op.Op;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;

/**
 * An update that may not take place: the values before are kept, the optimizer does its work, and
 * where it should not have, the values are put back. So it goes with every optimizer, and neither a
 * variable nor its state ever comes to hold what a gradient that is no number makes of it.
 */
final class ConditionalUpdate {
  private ConditionalUpdate() {}

  /**
   * The operation that has all done.
   *
   * @param changed the variables that {@code update} changes, after its inputs are there
   * @param takesPlace bool []
   * @param update adds the optimizer's operations
   */
  static Op of(
      VariableScope variables,
      List<Weight> changed,
      Operand<TBool> takesPlace,
      OptimizerInputs inputs,
      Function<OptimizerInputs, Op> update) {
    List<Operand<TFloat32>> before = new ArrayList<>();
    changed.forEach(weight -> before.add(variables.read(weight)));
    Ops afterReading = variables.tf().withControlDependencies(new ArrayList<Op>(before));
    Op updated =
        update.apply(
            new OptimizerInputs(
                afterReading.identity(inputs.gradient()),
                afterReading.identity(inputs.learningRate()),
                inputs.weightDecay(),
                inputs.coefficients()));
    Ops afterUpdate = variables.tf().withControlDependencies(List.of(updated));
    List<Op> chosen = new ArrayList<>();
    for (int i = 0; i < changed.size(); i++) {
      Operand<?> handle = variables.handle(changed.get(i));
      Operand<TFloat32> after = afterUpdate.readVariableOp(handle, TFloat32.class);
      chosen.add(
          variables
              .tf()
              .assignVariableOp(handle, variables.tf().select(takesPlace, after, before.get(i))));
    }
    return variables.tf().withControlDependencies(chosen).noOp();
  }
}
