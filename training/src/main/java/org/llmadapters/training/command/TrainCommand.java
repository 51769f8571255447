package org.llmadapters.training.command;

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
import org.llmadapters.eval.DeviceFlags;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.training.RunFile;
import org.llmadapters.training.StopRequest;
import org.llmadapters.training.TrainingOptions;
import org.llmadapters.training.TrainingRun;
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
      names = "--adapter",
      paramLabel = "KIND",
      required = true,
      description =
          "lora, dora (lora with --use-dora), series, parallel, ia3, prefix, prompt, p-tuning, or full to train all weights.")
  private String adapter = "";

  @Option(
      names = "--config",
      paramLabel = "FILE.yaml",
      description =
          "Options from a YAML or JSON file, named as here without the dashes; flags win. A run writes its own to run.json.")
  @SuppressWarnings("UnusedVariable") // OptionDefaults reads it before the rest is parsed
  private @Nullable Path config;

  @Option(
      names = "--recipe",
      paramLabel = "NAME",
      description =
          "LLM-Adapters' published settings for math-lora, math-series, math-parallel, math-prefix, commonsense-lora, commonsense-series or commonsense-parallel; flags and --config win; list shows them.")
  @SuppressWarnings("UnusedVariable") // OptionDefaults reads it before the rest is parsed
  private @Nullable String recipe;

  @Mixin private DataFlags data = new DataFlags();
  @Mixin private OutputFlags output = new OutputFlags();
  @Mixin private WatchFlags watch = new WatchFlags();
  @Mixin private LoraFlags lora = new LoraFlags();
  @Mixin private BottleneckFlags bottleneck = new BottleneckFlags();
  @Mixin private Ia3Flags ia3 = new Ia3Flags();
  @Mixin private PromptFlags prompt = new PromptFlags();
  @Mixin private LoopFlags loop = new LoopFlags();
  @Mixin private ScheduleFlags schedule = new ScheduleFlags();
  @Mixin private OptimizerFlags optimizer = new OptimizerFlags();
  @Mixin private MemoryFlags memory = new MemoryFlags();

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
      names = "--compile",
      defaultValue = "auto",
      description =
          "Compile the step with XLA: auto (on a GPU, and for 60 steps or more), on, off (default ${DEFAULT-VALUE}).")
  private String compile = "";

  @Mixin private DeviceFlags device = new DeviceFlags();

  @Override
  public Integer call() throws IOException {
    CommandSpec command = java.util.Objects.requireNonNull(spec);
    TrainingOptions options = options();
    if (memory.estimateOnly()) {
      memory.print(options, command.commandLine().getOut());
      return 0;
    }
    SessionOptions session = device.session(options.loop().deterministic());
    memory.requireRoom(options, session);
    try (StopRequest stop = StopRequest.onExit()) {
      TrainingRun.Summary summary = TrainingRun.run(options, session, RunFile.of(command), stop);
      print(summary, command.commandLine().getOut());
      return summary.finished() ? 0 : 1;
    }
  }

  private void print(TrainingRun.Summary summary, PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%s after %d steps%s: loss %.4f%s, %.0f tokens/s, %.1f %% of the time waiting for data, %d trainable parameters of %d (%.3f %%)%n",
        summary.ending().text(),
        summary.steps(),
        skipped(summary),
        summary.loss(),
        evaluation(summary),
        summary.tokensPerSecond(),
        100 * summary.dataFraction(),
        summary.trainableParameters(),
        summary.totalParameters(),
        100.0 * summary.trainableParameters() / summary.totalParameters());
    out.println(
        summary.finished()
            ? output.directory().toString()
            : "go on with: the same command and --resume");
    out.flush();
  }

  private static String skipped(TrainingRun.Summary summary) {
    long skipped = summary.skippedSteps().orElse(0);
    return skipped == 0
        ? ""
        : String.format(Locale.ROOT, " (%d left out: overflow in float16)", skipped);
  }

  private static String evaluation(TrainingRun.Summary summary) {
    if (summary.evalLoss().isEmpty()) {
      return "";
    }
    String last = String.format(Locale.ROOT, ", eval loss %.4f", summary.evalLoss().getAsDouble());
    return last
        + summary
            .best()
            .filter(best -> best.step() < summary.steps())
            .map(
                best ->
                    String.format(
                        Locale.ROOT, " (lowest %.4f at step %d)", best.evalLoss(), best.step()))
            .orElse("");
  }

  TrainingOptions options() throws IOException {
    return new TrainingOptions(
        new TrainingOptions.Model(
            model, randomInit, adapterConfig(), Optional.ofNullable(initAdapter)),
        data.toData(),
        loop.toLoop(),
        optimizer.toOptimizer(lora.rates()),
        schedule.toSchedule(),
        output.toOutput(watch.toWatching()),
        Compile.of(compile),
        memory.toMemory(),
        optimizer.toLossScaling());
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
