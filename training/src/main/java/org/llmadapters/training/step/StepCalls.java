package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.FunctionBody;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.VariableScope;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction.Computation;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.op.Op;
import org.tensorflow.types.TFloat32;

/**
 * Adds the calls of a {@link TrainingStep} to the graph of a session.
 *
 * <p>Several replicas are functions of their own, and what is made of their sums is operations
 * beside them. With one replica under XLA, as on a GPU, the same operations are added to the body
 * of a function, so that forward pass, gradients, clipping and update are one program.
 */
final class StepCalls {
  private final ModelSession model;
  private final Computation computation;
  private final Execution execution;
  private final OptimizerConfig optimizer;
  private final boolean skipsOverflow;
  private final boolean oneProgram;
  private final UpdateInputs rate;

  /**
   * Declares the optimizer's state, as zeros.
   *
   * @param skipsOverflow whether an update changes nothing where the gradients are not finite
   */
  StepCalls(
      ModelSession model,
      Computation computation,
      OptimizerConfig optimizer,
      Execution execution,
      boolean skipsOverflow) {
    this.model = model;
    this.computation = computation;
    this.execution = execution;
    this.optimizer = optimizer;
    this.skipsOverflow = skipsOverflow;
    this.oneProgram = execution.xla() && execution.replicas() == 1;
    this.rate = UpdateInputs.of(model.tf(), optimizer.optimizer());
    List<Weight> trained = computation.trained();
    model.declareZeros(
        trained.stream().flatMap(weight -> optimizer.optimizer().state(weight).stream()).toList());
  }

  /** The gradients alone, for batches of {@code shape}. */
  ReplicatedFunction gradients(StepShape shape) {
    return gradients(model, shape, name("step", shape));
  }

  /**
   * Gradients and update.
   *
   * @param beside {@link #gradients} of that shape; asked for unless all is one program
   */
  StepCall step(StepShape shape, Supplier<ReplicatedFunction> beside) {
    if (!oneProgram) {
      ReplicatedFunction gradients = beside.get();
      return StepCall.of(gradients.inputs(), rate, update(model, rate, gradients.sums()));
    }
    try (FunctionBody body = new FunctionBody(model)) {
      ReplicatedFunction inside = gradients(body, shape, "step");
      UpdateInputs rateInside = UpdateInputs.of(body.tf(), optimizer.optimizer());
      ClippedUpdate.Nodes nodes = update(body, rateInside, inside.sums());
      String name = name("whole_step", shape);
      BatchInputs batch = batch(shape, name);
      return StepCall.of(
          batch,
          rate,
          nodes.calledIn(
              body,
              name,
              join(inside.inputs().operands(), rateInside.operands()),
              join(batch.operands(), rate.operands())));
    }
  }

  /**
   * Gradients added to accumulators.
   *
   * @param beside as for {@link #step}
   */
  StepCall accumulation(
      StepShape shape, Supplier<ReplicatedFunction> beside, GradientAccumulators accumulators) {
    if (!oneProgram) {
      ReplicatedFunction gradients = beside.get();
      List<Op> targets = accumulators.adding(model, gradients.sums());
      return new StepCall(gradients.inputs(), null, List.of(), targets);
    }
    try (FunctionBody body = new FunctionBody(model)) {
      ReplicatedFunction inside = gradients(body, shape, "accumulation");
      List<Op> added = accumulators.adding(body, inside.sums());
      String name = name("accumulation", shape);
      BatchInputs batch = batch(shape, name);
      List<Output<?>> tokens =
          body.call(
              name,
              inside.inputs().operands(),
              batch.operands(),
              added,
              List.of(inside.sums().tokens()),
              true);
      return new StepCall(batch, null, List.of(float32(tokens.get(0))), List.of());
    }
  }

  /** The update by what has been accumulated, which is zero afterwards. */
  StepCall accumulated(GradientAccumulators accumulators) {
    if (!oneProgram) {
      return StepCall.of(null, rate, resetting(model, rate, accumulators));
    }
    try (FunctionBody body = new FunctionBody(model)) {
      UpdateInputs inside = UpdateInputs.of(body.tf(), optimizer.optimizer());
      ClippedUpdate.Nodes nodes = resetting(body, inside, accumulators);
      return StepCall.of(
          null, rate, nodes.calledIn(body, "update", inside.operands(), rate.operands()));
    }
  }

  private ClippedUpdate.Nodes resetting(
      VariableScope scope, UpdateInputs inputs, GradientAccumulators accumulators) {
    ClippedUpdate.Nodes nodes = update(scope, inputs, accumulators.sums(scope));
    List<Op> read = new ArrayList<>(nodes.targets());
    read.addAll(List.of(nodes.loss(), nodes.tokens(), nodes.gradNorm()));
    return nodes.withTargets(accumulators.reset(scope, read));
  }

  private ClippedUpdate.Nodes update(VariableScope scope, UpdateInputs inputs, GradientSums sums) {
    return new ClippedUpdate(scope, computation.trained(), optimizer, inputs, skipsOverflow)
        .by(sums);
  }

  private ReplicatedFunction gradients(VariableScope scope, StepShape shape, String name) {
    // Within a function that XLA compiles, a call is compiled with it.
    Execution inside =
        scope == model ? execution : new Execution(execution.replicas(), false, execution.memory());
    return ReplicatedFunction.build(model, scope, computation, inside, shape, name);
  }

  private BatchInputs batch(StepShape shape, String name) {
    return BatchInputs.of(model.tf(), name, shape, computation.seedNode() != null);
  }

  private static String name(String what, StepShape shape) {
    return what + "_" + shape.batch() + "x" + shape.length();
  }

  private static List<Operand<?>> join(List<Operand<?>> first, List<Operand<?>> second) {
    return Stream.concat(first.stream(), second.stream()).toList();
  }

  @SuppressWarnings("unchecked")
  private static Operand<TFloat32> float32(Output<?> output) {
    return (Operand<TFloat32>) output;
  }
}
