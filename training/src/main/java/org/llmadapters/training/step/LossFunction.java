package org.llmadapters.training.step;

import java.util.HashMap;
import java.util.Map;
import org.llmadapters.graph.compile.ModelSession;
import org.tensorflow.Result;
import org.tensorflow.types.TFloat32;

/** The loss of a batch, without gradients, dropout or update. */
public final class LossFunction {
  private final ModelSession model;
  private final ReplicatedFunction.Computation computation;
  private final ReplicatedFunction.Execution execution;
  private final Map<StepShape, ReplicatedFunction> functions = new HashMap<>();

  /** The loss of a model whose variables {@code model} has. */
  public LossFunction(
      ModelSession model,
      ReplicatedFunction.Computation computation,
      ReplicatedFunction.Execution execution) {
    this.model = model;
    this.computation = computation;
    this.execution = execution;
  }

  /**
   * Loss summed over the counted tokens.
   *
   * @param loss sum of the losses
   * @param tokens number of counted tokens
   */
  public record Sum(double loss, long tokens) {
    public Sum plus(Sum other) {
      return new Sum(loss + other.loss, tokens + other.tokens);
    }

    /** Mean over the counted tokens; NaN if there are none. */
    public double mean() {
      return loss / tokens;
    }
  }

  /** The loss of {@code batch}. */
  public Sum of(TokenBatch batch) {
    ReplicatedFunction function =
        functions.computeIfAbsent(
            batch.shape(),
            shape ->
                ReplicatedFunction.build(
                    model,
                    model,
                    computation,
                    execution,
                    shape,
                    "loss_" + shape.batch() + "x" + shape.length()));
    try (Result result =
        function
            .feed(model.session(), batch)
            .fetch(function.sums().loss())
            .fetch(function.sums().tokens())
            .run()) {
      return new Sum(
          ((TFloat32) result.get(0)).getFloat(), (long) ((TFloat32) result.get(1)).getFloat());
    }
  }
}
