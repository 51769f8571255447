package org.llmadapters.training;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.SizeText;
import org.llmadapters.conversion.WeightFormat;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.eval.Compile;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.training.data.Buckets;
import org.llmadapters.training.memory.MemoryEstimate;
import org.llmadapters.training.memory.MemoryPlan;
import org.llmadapters.training.memory.Room;
import org.llmadapters.training.step.ReplicatedFunction.Computation;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.StepShape;

/**
 * The memory that a run takes on one device, found without loading weights or data: for batches of
 * the longest rows that {@code --cutoff-len} and {@code --buckets} allow, which data may not fill.
 */
public final class RunMemory {
  private final TrainingOptions options;
  private final ModelConfig config;
  private final BaseGraph base;
  private final Optional<AdapterConfig> adapter;
  private final Room.Choice asked;

  /** The longest rows. */
  private final int length;

  private RunMemory(
      TrainingOptions options,
      ModelConfig config,
      BaseGraph base,
      Optional<AdapterConfig> adapter) {
    this.options = options;
    this.config = config;
    this.base = base;
    this.adapter = adapter;
    this.asked =
        new Room.Choice(
            options.memory().gradientCheckpointing(),
            options.loop().microBatchSize(),
            QuantizedGraph.quantization(base.graphDef()));
    this.length =
        options
            .loop()
            .rows()
            .buckets()
            .orElseGet(() -> Buckets.upTo(options.data().cutoffLen()))
            .longest();
  }

  /** Looks at the model that {@code options} name. */
  public static RunMemory of(TrainingOptions options) throws IOException {
    TrainingOptions.Model model = options.model();
    if (model.randomInit()) {
      HfConfig config = HfConfig.read(model.directory());
      return new RunMemory(
          options,
          config.model(),
          Architecture.build(config.model(), config.storedDtype()),
          Optional.empty());
    }
    BaseModel base = BaseModel.open(model.directory());
    Optional<AdapterConfig> adapter = model.adapter();
    if (model.initialAdapter().isPresent()) {
      try (PeftAdapter initial = PeftAdapter.read(model.initialAdapter().get())) {
        adapter = Optional.of(initial.config());
      }
    }
    return new RunMemory(options, base.config(), base.graph(), adapter);
  }

  /** What the run takes as it is asked for. */
  public MemoryEstimate estimate() {
    return estimate(asked);
  }

  /**
   * Does nothing if the run needs no more than {@code limit} bytes.
   *
   * @throws IllegalArgumentException that says what would fit
   */
  public void requireFit(MemoryEstimate estimate, long limit) {
    if (estimate.total() > limit) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "training %s takes about %s of device memory (%s), and there are %s; %s%nGive"
                  + " --skip-memory-check to run it anyway.",
              shape(),
              SizeText.bytes(estimate.total()),
              describe(estimate),
              SizeText.bytes(limit),
              Room.advice(alternatives(limit))));
    }
  }

  /** What would fit. */
  public List<Room.Alternative> alternatives(long limit) {
    return new Room(asked, this::estimate).fitting(limit, quantizable());
  }

  /** The batches that are meant, for people: {@code on batches of 4 x 256 tokens}. */
  public String shape() {
    return "on batches of " + options.loop().microBatchSize() + " x " + length + " tokens";
  }

  /** The parts of {@code estimate}, in one line. */
  public static String describe(MemoryEstimate estimate) {
    return "weights "
        + SizeText.bytes(estimate.weights())
        + ", trained "
        + SizeText.bytes(estimate.trained())
        + ", optimizer "
        + SizeText.bytes(estimate.optimizer())
        + ", gradients "
        + SizeText.bytes(estimate.gradients())
        + ", activations "
        + SizeText.bytes(estimate.activations());
  }

  /** What takes its start out of the base's weights, or trains them, needs them as they are. */
  private boolean quantizable() {
    return adapter
        .filter(
            config -> !(config instanceof LoraConfig lora && lora.variant().init().takesFromBase()))
        .isPresent();
  }

  private MemoryEstimate estimate(Room.Choice choice) {
    BaseGraph graph =
        choice.quantization().isEmpty() || choice.quantization().equals(asked.quantization())
            ? base
            : QuantizedGraph.of(
                Architecture.build(config, WeightFormat.of(choice.quantization().get()).dtype()),
                choice.quantization().get());
    List<Weight> variables = new ArrayList<>();
    Computation computation;
    if (adapter.isPresent()) {
      AdaptedGraph adapted = AdapterTrainee.training(graph, adapter.get());
      variables.addAll(graph.weights());
      variables.addAll(adapted.variables());
      computation = AdapterTrainee.computation(adapted, options.optimizer().rates().factors());
    } else {
      variables.addAll(FullTrainee.masters(graph));
      computation = new Computation(graph.graphDef(), variables, null);
    }
    boolean accumulates = options.loop().batchSize() > choice.microBatchSize();
    return MemoryEstimate.of(
        new MemoryPlan(
            variables,
            computation,
            options.optimizer().optimizer(),
            new Execution(
                1,
                options.compile() != Compile.OFF,
                new StepMemory(choice.gradientCheckpointing(), options.memory().logitsAtOnce())),
            new StepShape(choice.microBatchSize(), length),
            accumulates));
  }
}
