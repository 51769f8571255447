package org.llmadapters.training.bench;

import java.util.ArrayList;
import java.util.List;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.conversion.WeightFormat;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.training.memory.MemoryEstimate;
import org.llmadapters.training.memory.MemoryPlan;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction;
import org.llmadapters.training.step.StepShape;
import org.llmadapters.training.step.TrainingStep;

/** A training step over random weights, for measuring; caller closes. */
public final class StepBenchmark implements AutoCloseable {
  private final ModelSession session;
  private final TrainingStep step;
  private final Parts parts;
  private final ReplicatedFunction.Execution execution;

  /**
   * What is measured.
   *
   * @param config of the model
   * @param plain the model with weights as they are multiplied
   * @param base the model with weights as they are stored
   * @param adapted the model with LoRA
   */
  private record Parts(ModelConfig config, BaseGraph plain, BaseGraph base, AdaptedGraph adapted) {
    static Parts of(ModelConfig config, WeightFormat format, LoraConfig lora) {
      BaseGraph plain = Architecture.build(config, format.dtype());
      BaseGraph base = format.quantization().map(by -> QuantizedGraph.of(plain, by)).orElse(plain);
      return new Parts(
          config,
          plain,
          base,
          Splicer.splice(base.graphDef(), lora, "default", Splicer.Mode.TRAINING));
    }

    ReplicatedFunction.Computation computation() {
      return new ReplicatedFunction.Computation(adapted.graphDef(), adapted.variables(), null);
    }

    MemoryEstimate memory(ReplicatedFunction.Execution execution, StepShape shape) {
      return MemoryEstimate.of(
          new MemoryPlan(
              variables(),
              computation(),
              OptimizerConfig.defaults().optimizer(),
              execution,
              shape,
              false));
    }

    List<Weight> variables() {
      List<Weight> variables = new ArrayList<>(base.weights());
      variables.addAll(adapted.variables());
      return variables;
    }
  }

  private StepBenchmark(
      Parts parts,
      boolean packing,
      SessionOptions options,
      ReplicatedFunction.Execution execution) {
    this.parts = parts;
    this.execution = execution;
    this.session = new ModelSession(options);
    List<Weight> variables = parts.variables();
    session.declare(variables);
    RandomDeviceWeights.assign(session, variables, 1);
    ReplicatedFunction.Computation computation =
        packing ? parts.computation().ofDocuments() : parts.computation();
    this.step = new TrainingStep(session, computation, OptimizerConfig.defaults(), execution);
  }

  /**
   * The step of a LoRA adapter without dropout on a model of {@code config} with random weights.
   *
   * @param packing whether rows hold several examples
   */
  public static StepBenchmark lora(
      ModelConfig config,
      WeightFormat format,
      LoraConfig lora,
      boolean packing,
      SessionOptions options,
      ReplicatedFunction.Execution execution) {
    return new StepBenchmark(Parts.of(config, format, lora), packing, options, execution);
  }

  /** The step to measure. */
  public TrainingStep step() {
    return step;
  }

  /** Floating-point operations of a step; see {@link StepFlops}. */
  public long flops(StepShape shape) {
    return StepFlops.of(parts.config, parts.plain.weights(), parts.adapted.parameters(), shape);
  }

  /** What a step takes of the device's memory, as estimated. */
  public MemoryEstimate memory(StepShape shape) {
    return parts.memory(execution, shape);
  }

  /** The same for a model that is not there. */
  static MemoryEstimate memory(
      ModelConfig config,
      WeightFormat format,
      LoraConfig lora,
      ReplicatedFunction.Execution execution,
      StepShape shape) {
    return Parts.of(config, format, lora).memory(execution, shape);
  }

  @Override
  public void close() {
    session.close();
  }
}
