package org.llmadapters.training.memory;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.training.optimizer.Optimizer;
import org.llmadapters.training.step.ReplicatedFunction.Computation;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepShape;

/**
 * What a training step needs memory for.
 *
 * @param variables all that the session holds, those that are trained in float32
 * @param computation what is computed and trained
 * @param optimizer which remembers something of every trained variable
 * @param execution how the step is run
 * @param shape of the largest micro batch
 * @param accumulates whether gradients of several micro batches are added up
 */
public record MemoryPlan(
    List<Weight> variables,
    Computation computation,
    Optimizer optimizer,
    Execution execution,
    StepShape shape,
    boolean accumulates) {
  public MemoryPlan {
    variables = List.copyOf(variables);
  }
}
