package org.llmadapters.training;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.prompt.PromptTemplate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters train}. */
@Command(
    name = "train",
    description = "Trains an adapter on a frozen base model, or all weights of a model.",
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  llm-adapters train --model base --data math.json --adapter lora --r 8 --target-modules q_proj,v_proj --output run",
      "  llm-adapters train --model base --data math.json --adapter full --learning-rate 1e-5 --output run"
    })
public final class TrainCommand implements Callable<Integer> {
  /** What {@code --adapter} takes to train all weights. */
  static final String FULL = "full";

  private static final String DORA = "dora";

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description = "Base SavedModel, made by convert.")
  private Path model = Path.of("");

  @Option(
      names = "--data",
      paramLabel = "FILE",
      required = true,
      description = "Alpaca JSON or JSONL, or pre-tokenized JSONL.")
  private Path data = Path.of("");

  @Option(
      names = "--adapter",
      paramLabel = "KIND",
      required = true,
      description =
          "lora, dora (lora with --use-dora), series, parallel, ia3, prefix, prompt, p-tuning, or full to train all weights.")
  private String adapter = "";

  @Option(
      names = "--output",
      paramLabel = "DIR",
      required = true,
      description = "Folder of the run.")
  private Path output = Path.of("");

  @Option(
      names = "--config",
      paramLabel = "FILE.yaml",
      description =
          "Options from a YAML or JSON file, named as here without the dashes; flags win. A run writes its own to run.json.")
  @SuppressWarnings("UnusedVariable") // Main reads it before it parses the rest
  private @Nullable Path config;

  @Mixin private LoraFlags lora = new LoraFlags();
  @Mixin private BottleneckFlags bottleneck = new BottleneckFlags();
  @Mixin private Ia3Flags ia3 = new Ia3Flags();
  @Mixin private PromptFlags prompt = new PromptFlags();
  @Mixin private LoopFlags loop = new LoopFlags();
  @Mixin private OutputFlags outputs = new OutputFlags();
  @Mixin private MemoryFlags memory = new MemoryFlags();

  /** Data, batches, steps and optimizer, named as in LLM-Adapters. */
  static final class LoopFlags {
    @Option(
        names = "--random-init",
        description =
            "Start from random weights: --model is a folder with config.json. Needs --adapter full.")
    private boolean randomInit;

    @Option(
        names = "--init-adapter",
        paramLabel = "DIR",
        description = "PEFT directory to start from; its config wins over the flags.")
    private @Nullable Path initAdapter;

    @Option(
        names = "--template",
        defaultValue = "alpaca",
        description =
            "Prompt template: alpaca, llm-adapters-train, llm-adapters-eval (default ${DEFAULT-VALUE}).")
    private String template = "";

    @Option(
        names = "--cutoff-len",
        defaultValue = "256",
        description = "Longest example in tokens (default ${DEFAULT-VALUE}).")
    private int cutoffLen;

    @Option(names = "--train-on-inputs", description = "Predict the prompt's tokens too.")
    private boolean trainOnInputs;

    @Option(
        names = "--val-set-size",
        defaultValue = "0",
        description = "Records set aside for the evaluation loss (default ${DEFAULT-VALUE}).")
    private int valSetSize;

    @Option(
        names = "--batch-size",
        defaultValue = "16",
        description = "Examples per update (default ${DEFAULT-VALUE}).")
    private int batchSize;

    @Option(
        names = "--micro-batch-size",
        defaultValue = "4",
        description =
            "Examples per call; the rest is gradient accumulation (default ${DEFAULT-VALUE}).")
    private int microBatchSize;

    @Option(
        names = "--num-epochs",
        defaultValue = "3",
        description = "Passes over the data (default ${DEFAULT-VALUE}).")
    private int numEpochs;

    @Option(names = "--max-steps", defaultValue = "0", description = "Updates, instead of epochs.")
    private long maxSteps;

    @Option(
        names = "--learning-rate",
        defaultValue = "3e-4",
        description = "Peak learning rate (default ${DEFAULT-VALUE}).")
    private double learningRate;

    @Option(
        names = "--lr-scheduler",
        defaultValue = "linear",
        description = "linear, cosine, constant, constant_with_warmup (default ${DEFAULT-VALUE}).")
    private String lrScheduler = "";

    @Option(
        names = "--warmup-steps",
        defaultValue = "0",
        description = "Updates until the peak rate (default ${DEFAULT-VALUE}).")
    private long warmupSteps;

    @Option(
        names = "--weight-decay",
        defaultValue = "0",
        description = "Of AdamW (default ${DEFAULT-VALUE}).")
    private double weightDecay;

    @Option(
        names = "--max-grad-norm",
        defaultValue = "1",
        description =
            "Clip gradients to this global norm; 0 for no limit (default ${DEFAULT-VALUE}).")
    private double maxGradNorm;

    @Option(
        names = "--seed",
        defaultValue = "42",
        description = "Of order, initial values and dropout (default ${DEFAULT-VALUE}).")
    private long seed;

    @Option(
        names = "--shuffle",
        negatable = true,
        defaultValue = "true",
        fallbackValue = "true",
        description = "A new order in every epoch (default), or the file's.")
    private boolean shuffle;

    @Option(
        names = "--compile",
        defaultValue = "auto",
        description = "Compile the step with XLA: auto, on, off (default ${DEFAULT-VALUE}).")
    private String compile = "";
  }

  /** When to save, and what to do with an earlier run. */
  static final class OutputFlags {
    @Option(
        names = "--save-steps",
        defaultValue = "200",
        description = "Updates between checkpoints (default ${DEFAULT-VALUE}).")
    private long saveSteps;

    @Option(
        names = "--save-total-limit",
        defaultValue = "3",
        description = "Checkpoints kept (default ${DEFAULT-VALUE}).")
    private int saveTotalLimit;

    @Option(
        names = "--eval-steps",
        defaultValue = "200",
        description = "Updates between evaluations (default ${DEFAULT-VALUE}).")
    private long evalSteps;

    @Option(names = "--resume", description = "Go on from the newest checkpoint in --output.")
    private boolean resume;

    @Option(names = "--overwrite", description = "Replace an earlier run in --output.")
    private boolean overwrite;
  }

  @Override
  public Integer call() throws IOException {
    CommandSpec command = java.util.Objects.requireNonNull(spec);
    TrainingOptions options = options();
    TrainingRun.Summary summary = TrainingRun.run(options, RunFile.of(command));
    PrintWriter out = command.commandLine().getOut();
    out.printf(
        Locale.ROOT,
        "%s after %d steps: loss %.4f%s, %.0f tokens/s, %d trainable parameters of %d (%.3f %%)%n",
        summary.finished() ? "finished" : "stopped",
        summary.steps(),
        summary.loss(),
        summary.evalLoss().isPresent()
            ? String.format(Locale.ROOT, ", eval loss %.4f", summary.evalLoss().getAsDouble())
            : "",
        summary.tokensPerSecond(),
        summary.trainableParameters(),
        summary.totalParameters(),
        100.0 * summary.trainableParameters() / summary.totalParameters());
    out.println(
        summary.finished() ? output.toString() : "go on with: the same command and --resume");
    return summary.finished() ? 0 : 1;
  }

  TrainingOptions options() throws IOException {
    OptimizerConfig defaults = OptimizerConfig.defaults();
    return new TrainingOptions(
        new TrainingOptions.Model(
            model, loop.randomInit, adapterConfig(), Optional.ofNullable(loop.initAdapter)),
        new TrainingOptions.Data(
            data,
            PromptTemplate.of(loop.template),
            loop.cutoffLen,
            loop.trainOnInputs,
            loop.valSetSize),
        new TrainingOptions.Loop(
            loop.batchSize,
            loop.microBatchSize,
            loop.numEpochs,
            loop.maxSteps,
            loop.shuffle,
            loop.seed),
        new OptimizerConfig(
            defaults.beta1(),
            defaults.beta2(),
            defaults.eps(),
            loop.weightDecay,
            loop.maxGradNorm,
            lora.rates()),
        new TrainingOptions.Schedule(
            LearningRateSchedule.Kind.of(loop.lrScheduler), loop.learningRate, loop.warmupSteps),
        new TrainingOptions.Output(
            output,
            new TrainingOptions.Saving(
                outputs.saveSteps, outputs.saveTotalLimit, outputs.evalSteps),
            outputs.resume,
            outputs.overwrite),
        Compile.of(loop.compile),
        memory.toMemory());
  }

  private Optional<AdapterConfig> adapterConfig() throws IOException {
    Optional<AdapterKind> kind =
        adapter.equals(FULL)
            ? Optional.empty()
            : Optional.of(
                AdapterKind.ofCliName(adapter.equals(DORA) ? AdapterKind.LORA.cliName() : adapter));
    KindFlags.check(java.util.Objects.requireNonNull(spec), kind);
    if (kind.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        switch (kind.get()) {
          case LORA -> lora.toConfig(model, adapter.equals(DORA));
          case SERIES, PARALLEL ->
              bottleneck.toConfig(kind.get(), model, lora.targets(), lora.bias(kind.get()));
          case IA3 -> ia3.toConfig(model, lora.targets());
          case PREFIX, PROMPT, P_TUNING -> prompt.toConfig(kind.get(), model);
        });
  }
}
