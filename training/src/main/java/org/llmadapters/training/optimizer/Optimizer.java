package org.llmadapters.training.optimizer;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.VariableScope;
import org.tensorflow.op.Op;

/**
 * How a trained variable moves by its gradient.
 *
 * <p>A new one is a record of its options that lists what it remembers between steps and adds the
 * operations of its update; checkpoints hold what it lists, whatever that is.
 */
public sealed interface Optimizer permits Adafactor, Adam, AdamW, Lion, Sgd {

  /** The float32 variables that it keeps for {@code trained}: zeros before the first step. */
  List<Weight> state(Weight trained);

  /**
   * Numbers that all updates of a step share and that change from step to step, such as {@code
   * beta1^step}; always as many.
   *
   * @param step number of the update, from 1
   */
  default List<Double> coefficients(long step) {
    return List.of();
  }

  /**
   * Adds the operations that update {@code trained} and its state.
   *
   * @param variables has {@code trained} and {@link #state its state}
   * @return what to run; all else depends on it
   */
  Op update(VariableScope variables, Weight trained, OptimizerInputs inputs);
}
