package org.llmadapters.training.step;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.llmadapters.training.optimizer.Optimizer;
import org.tensorflow.Operand;
import org.tensorflow.Result;
import org.tensorflow.Session;
import org.tensorflow.op.Op;
import org.tensorflow.types.TFloat32;

/**
 * What one run of a session does.
 *
 * @param batch what it takes, or null if it goes by what has been accumulated
 * @param rate what it takes, or null if it accumulates
 * @param fetched float32 [] each
 * @param targets run beside
 */
record StepCall(
    @Nullable BatchInputs batch,
    @Nullable UpdateInputs rate,
    List<Operand<TFloat32>> fetched,
    List<Op> targets) {
  StepCall {
    fetched = List.copyOf(fetched);
    targets = List.copyOf(targets);
  }

  /** An update; see {@link #update}. */
  static StepCall of(@Nullable BatchInputs batch, UpdateInputs rate, ClippedUpdate.Nodes nodes) {
    return new StepCall(
        batch, rate, List.of(nodes.loss(), nodes.tokens(), nodes.gradNorm()), nodes.targets());
  }

  /** Runs an update. */
  StepOutcome update(
      Session session, @Nullable TokenBatch given, Optimizer optimizer, UpdateRate at) {
    Session.Runner runner = session.runner();
    if (batch != null && given != null) {
      batch.feed(runner, given);
    }
    return update(runner, optimizer, at);
  }

  /** Runs an update together with what {@code runner} has already. */
  StepOutcome update(Session.Runner runner, Optimizer optimizer, UpdateRate at) {
    fetched.forEach(runner::fetch);
    targets.forEach(runner::addTarget);
    List<TFloat32> fed = rate == null ? List.of() : rate.feed(runner, optimizer, at);
    try (Result result = runner.run()) {
      return new StepOutcome(
          ((TFloat32) result.get(0)).getFloat(),
          (long) ((TFloat32) result.get(1)).getFloat(),
          ((TFloat32) result.get(2)).getFloat());
    } finally {
      fed.forEach(TFloat32::close);
    }
  }

  /** Runs it for what it assigns alone. */
  void run(Session session, TokenBatch given) {
    Session.Runner runner = Objects.requireNonNull(batch).feed(session.runner(), given);
    fetched.forEach(runner::fetch);
    targets.forEach(runner::addTarget);
    runner.run().close();
  }
}
