package org.llmadapters.training.command;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.adapters.BottleneckConfig.Placement;
import org.llmadapters.adapters.BottleneckVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.graph.arch.Architecture;
import picocli.CommandLine.Option;

/** The options of series and parallel adapters, named as in LLM-Adapters. */
final class BottleneckFlags implements KindFlags {
  private static final String LEARNED = "learned";

  @Option(
      names = "--bottleneck-size",
      defaultValue = "256",
      description = "Of series and parallel adapters: width inside (default ${DEFAULT-VALUE}).")
  private int bottleneckSize;

  @Option(
      names = "--non-linearity",
      defaultValue = "tanh",
      description = "Activation inside, by its name in transformers (default ${DEFAULT-VALUE}).")
  private String nonLinearity = "";

  @Option(
      names = "--adapter-dropout",
      defaultValue = "0",
      description = "Dropout on the bottleneck's input (default ${DEFAULT-VALUE}).")
  private double adapterDropout;

  @Option(
      names = "--scaling",
      defaultValue = "1",
      description = "Factor of the bottleneck's result, or learned (default ${DEFAULT-VALUE}).")
  private String scaling = "";

  @Option(
      names = "--use-adapterp",
      description = "Series adapters behind each MLP alone (AdapterP), not at all of its layers.")
  private boolean useAdapterp;

  @Override
  public boolean isFor(AdapterKind kind, String option) {
    return kind == AdapterKind.SERIES
        || (kind == AdapterKind.PARALLEL && !option.equals("--use-adapterp"));
  }

  /**
   * The configuration of a {@code kind} that is one of these.
   *
   * @param model base SavedModel, which tells the default targets
   * @param bias which of its biases are trained
   * @throws IllegalArgumentException if an option is out of its range, or if there are no {@code
   *     targets} and the family has no default ones
   */
  BottleneckConfig toConfig(
      AdapterKind kind, Path model, Optional<TargetModules> targets, TrainedBias bias)
      throws IOException {
    Placement placement = placement(kind);
    return new BottleneckConfig(
        bottleneckSize,
        BottleneckConfig.nonLinearity(nonLinearity),
        adapterDropout,
        scaling(),
        new BottleneckVariant(InitWeights.BERT, bias),
        placement,
        targets.isPresent() ? targets.get() : defaultTargets(kind, model, placement));
  }

  private Placement placement(AdapterKind kind) {
    if (kind == AdapterKind.PARALLEL) {
      return Placement.PARALLEL;
    }
    return useAdapterp ? Placement.ADAPTER_P : Placement.ADAPTER_H;
  }

  private OptionalDouble scaling() {
    if (scaling.equals(LEARNED)) {
      return OptionalDouble.empty();
    }
    try {
      return OptionalDouble.of(Double.parseDouble(scaling));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "--scaling must be a number or learned, got " + scaling, e);
    }
  }

  private static TargetModules defaultTargets(AdapterKind kind, Path model, Placement placement)
      throws IOException {
    Architecture family = BaseModel.architecture(model);
    return BottleneckConfig.defaultTargets(family, placement)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    String.format(
                        "--adapter %s has no default targets for %s: name them with"
                            + " --target-modules; list the modules with: llm-adapters inspect"
                            + " --model %s",
                        kind.cliName(), family.modelType(), model)));
  }
}
