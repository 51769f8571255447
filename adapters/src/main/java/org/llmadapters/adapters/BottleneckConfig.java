package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Collectors;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.ModuleNames;

/**
 * Bottleneck adapters, as LLM-Adapters' {@code BottleneckConfig}: {@code D(x) = scaling *
 * up(non_linearity(down(dropout(x))))}, in series with a layer or in parallel to it; {@link
 * Placement} says where.
 *
 * @param bottleneckSize {@code bottleneck_size}: rows of {@code down}
 * @param nonLinearity {@code non_linearity}
 * @param adapterDropout {@code adapter_dropout}: probability of dropping an element of the input,
 *     while training only
 * @param scaling {@code scaling}; empty if it is {@code "learned"}, one number for each module
 * @param variant how a new adapter starts, and which of the model's biases are trained
 * @param placement {@code use_parallel_adapter} and {@code use_adapterp}
 * @param targetModules the linear modules that get an adapter
 */
public record BottleneckConfig(
    int bottleneckSize,
    Activation nonLinearity,
    double adapterDropout,
    OptionalDouble scaling,
    BottleneckVariant variant,
    Placement placement,
    TargetModules targetModules)
    implements AdapterConfig {

  /** Where LLM-Adapters has default targets. */
  private static final Set<Architecture> WITH_DEFAULT_TARGETS =
      Set.of(
          Architecture.LLAMA,
          Architecture.OPT,
          Architecture.GPT_J,
          Architecture.GPT_NEO,
          Architecture.BLOOM);

  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException that lists all values out of their range
   */
  public BottleneckConfig {
    List<String> problems = new ArrayList<>();
    if (bottleneckSize < 1 || bottleneckSize > 1 << 16) {
      problems.add("bottleneck_size must be between 1 and 65536, got " + bottleneckSize);
    }
    if (!(adapterDropout >= 0 && adapterDropout < 1)) {
      problems.add("adapter_dropout must be in [0, 1), got " + adapterDropout);
    }
    if (scaling.isPresent() && !(Math.abs(scaling.getAsDouble()) < 1e9)) {
      problems.add("scaling must be \"learned\" or in (-1e9, 1e9), got " + scaling.getAsDouble());
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }

  /** Where the bottlenecks sit. */
  public enum Placement {
    /**
     * In series with each projection of the MLP: {@code W(x + D(x)) + b} where it reads the hidden
     * states, {@code h + D(h)} with {@code h = W x + b} where it writes them.
     *
     * <p>Source: Houlsby et al. 2019, arXiv:1902.00751, as LLM-Adapters places it.
     */
    ADAPTER_H,
    /**
     * In series with the last projection of the MLP alone.
     *
     * <p>Source: Pfeiffer et al. 2020, arXiv:2005.00052, as LLM-Adapters places it.
     */
    ADAPTER_P,
    /**
     * Beside any linear layer: {@code W x + b + D(x)}.
     *
     * <p>Source: Hu et al. 2023, arXiv:2304.01933, after He et al. 2022, arXiv:2110.04366.
     */
    PARALLEL
  }

  /** Initial values. */
  public enum InitWeights {
    /** Both matrices normal with deviation 0.02: a new adapter changes a little. */
    BERT("bert"),
    /** {@code down} uniform in {@code (-1/sqrt(in), 1/sqrt(in))}, {@code up} zero. */
    MAM_ADAPTER("mam_adapter");

    private final String fileName;

    InitWeights(String fileName) {
      this.fileName = fileName;
    }

    /** The name in {@code adapter_config.json}. */
    public String fileName() {
      return fileName;
    }

    /**
     * The one called {@code name}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static InitWeights of(String name) {
      return Arrays.stream(values())
          .filter(value -> value.fileName.equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "init_weights must be one of "
                          + Arrays.stream(values())
                              .map(InitWeights::fileName)
                              .collect(Collectors.joining(", "))
                          + ", got \""
                          + name
                          + "\""));
    }
  }

  /**
   * The non-linearity called {@code name}.
   *
   * @throws IllegalArgumentException if it is none of {@link Activation#names()}
   */
  public static Activation nonLinearity(String name) {
    return Activation.find(name)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "non_linearity must be one of "
                        + String.join(", ", Activation.names())
                        + ", got \""
                        + name
                        + "\""));
  }

  /** The modules that LLM-Adapters takes where none are named; empty where it has no default. */
  public static Optional<TargetModules> defaultTargets(Architecture family, Placement placement) {
    if (!WITH_DEFAULT_TARGETS.contains(family)) {
      return Optional.empty();
    }
    ModuleNames.Attention attention = family.spec().names().attention();
    ModuleNames.Mlp mlp = family.spec().names().mlp();
    List<String> names = new ArrayList<>();
    switch (placement) {
      case ADAPTER_H -> {
        Optional.ofNullable(mlp.gate()).ifPresent(names::add);
        names.add(mlp.up());
        names.add(mlp.down());
      }
      case ADAPTER_P -> names.add(mlp.down());
      case PARALLEL -> {
        names.add(attention.query());
        Optional.ofNullable(attention.value()).ifPresent(names::add);
        Optional.ofNullable(attention.key()).ifPresent(names::add);
      }
    }
    return Optional.of(new TargetModules.Names(names));
  }

  @Override
  public AdapterKind kind() {
    return placement == Placement.PARALLEL ? AdapterKind.PARALLEL : AdapterKind.SERIES;
  }
}
