package org.llmadapters.adapters;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.graph.rewrite.LinearSite;

/** The one place that knows which class implements which kind. */
public final class Adapters {
  private Adapters() {}

  static Adapter of(AdapterConfig config) {
    return switch (config.kind()) {
      case LORA -> new LoraAdapter((LoraConfig) config);
      case SERIES, PARALLEL -> new BottleneckAdapter((BottleneckConfig) config);
    };
  }

  /** Whether {@code module} is one that the adapter is for. */
  public static boolean targets(AdapterConfig config, String module) {
    return of(config).targetModules().matches(module);
  }

  /** The names of an adapter's parameters at a module, relative to it: {@code lora_A.weight}. */
  public static List<String> parameterNames(AdapterConfig config) {
    return of(config).parameterNames();
  }

  /**
   * What merging adds to the weight of {@code site}; empty if this kind cannot be merged.
   *
   * @param values the parameters of the site by their names relative to its module, row-major
   */
  public static Optional<WeightDelta> mergeInto(
      AdapterConfig config, LinearSite site, Map<String, float[]> values) {
    return of(config).mergeInto(site, values);
  }
}
