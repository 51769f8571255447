package org.llmadapters.training.bench;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.WeightFormat;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.training.RandomWeights;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction;
import org.llmadapters.training.step.TrainingStep;

/** A training step over random weights, for measuring; caller closes. */
public final class StepBenchmark implements AutoCloseable {
  private final ModelSession session;
  private final TrainingStep step;

  private StepBenchmark(ModelSession session, TrainingStep step) {
    this.session = session;
    this.step = step;
  }

  /**
   * The step of a LoRA adapter of rank {@code r} on q_proj and v_proj, without dropout, on a model
   * of {@code config}.
   */
  public static StepBenchmark lora(
      ModelConfig config,
      WeightFormat format,
      int r,
      ReplicatedFunction.Execution execution,
      SessionOptions options) {
    BaseGraph plain = Architecture.build(config, format.dtype());
    BaseGraph base = format.quantization().map(by -> QuantizedGraph.of(plain, by)).orElse(plain);
    LoraConfig lora = new LoraConfig(r, 2.0 * r, 0, TargetModules.of("q_proj", "v_proj"));
    AdaptedGraph adapted = Splicer.splice(base.graphDef(), lora, "default", Splicer.Mode.TRAINING);
    ModelSession session = new ModelSession(options);
    session.declare(base.weights());
    RandomWeights.assign(session, base.weights(), 1);
    session.declare(adapted.variables());
    Map<String, float[]> values = new HashMap<>();
    Random random = new Random(2);
    for (AdapterParameter parameter : adapted.parameters()) {
      float[] value = new float[Math.toIntExact(parameter.elements())];
      for (int i = 0; i < value.length; i++) {
        value[i] = (float) (0.01 * random.nextGaussian());
      }
      values.put(parameter.variable("default").name(), value);
    }
    session.assign(values);
    TrainingStep step =
        new TrainingStep(
            session,
            new ReplicatedFunction.Computation(adapted.graphDef(), adapted.variables(), null),
            OptimizerConfig.defaults(),
            execution);
    return new StepBenchmark(session, step);
  }

  /** The step to measure. */
  public TrainingStep step() {
    return step;
  }

  @Override
  public void close() {
    session.close();
  }
}
