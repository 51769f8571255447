package org.llmadapters.training.memory;

import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import org.llmadapters.graph.Weight;
import org.llmadapters.training.step.GradientGraph;
import org.llmadapters.training.step.StepShape;

/**
 * The device memory that training takes, in bytes, found from the very graph that runs.
 *
 * <p>Activations are the most that tensors take at a time while the gradients are computed: each
 * lives from the operation that makes it to the last one that reads it, results stay to the end.
 * Where a tensor only gets another name or shape, or is written over its input, it counts once.
 * Without XLA, operations run when their inputs are there. XLA runs first what frees most, and
 * never stores what is computed element by element for operations that read it the same way: the
 * softmax's mask and scale, activation functions, norms. Its own choices are finer: take the value
 * for an estimate.
 *
 * <p>Not in it: TensorFlow's libraries on the device (some 500 MiB on a GPU), what they need for
 * themselves during an operation, and gaps between buffers.
 *
 * @param weights of the frozen model, as they are stored
 * @param trained variables, in float32
 * @param optimizer its state
 * @param gradients those of a step, and their sums over micro batches
 * @param activations all else that a step computes
 */
public record MemoryEstimate(
    long weights, long trained, long optimizer, long gradients, long activations) {

  /** The memory for {@code plan}; computes nothing and needs no values. */
  public static MemoryEstimate of(MemoryPlan plan) {
    Set<String> names = new HashSet<>();
    plan.computation().trained().forEach(weight -> names.add(weight.name()));
    long trained = bytes(plan.computation().trained());
    int replicas = plan.execution().replicas();
    StepShape part = new StepShape(plan.shape().batch() / replicas, plan.shape().length());
    long peak;
    try (GradientGraph graph =
        GradientGraph.build(plan.computation(), names::contains, plan.execution().memory(), part)) {
      boolean xla = plan.execution().xla();
      TensorGraph tensors = new TensorGraph(graph.graph(), graph.outputs(), xla);
      peak = xla ? LiveTensors.freeingMost(tensors) : LiveTensors.whenReady(tensors);
    }
    return new MemoryEstimate(
        bytes(plan.variables()) - trained,
        trained,
        plan.computation().trained().stream()
            .mapToLong(weight -> bytes(plan.optimizer().state(weight)))
            .sum(),
        trained * (replicas + (plan.accumulates() ? 1 : 0)),
        Math.max(0, replicas * (peak - trained)));
  }

  private static long bytes(Collection<Weight> weights) {
    return weights.stream().mapToLong(Weight::bytes).sum();
  }

  /** All of it. */
  public long total() {
    return weights + trained + optimizer + gradients + activations;
  }
}
