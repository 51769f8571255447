package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.graph.block.BaseGraph;

/** The one place that knows which class implements which kind. */
public final class Adapters {
  private Adapters() {}

  static Adapter of(AdapterConfig config) {
    return switch (config.kind()) {
      case LORA -> new LoraAdapter((LoraConfig) config);
      case SERIES, PARALLEL -> new BottleneckAdapter((BottleneckConfig) config);
      case IA3 -> new Ia3Adapter((Ia3Config) config);
      case PREFIX -> new PrefixAdapter((PrefixConfig) config);
      case PROMPT -> PromptAdapter.of((PromptConfig) config);
      case P_TUNING -> PromptAdapter.of((PTuningConfig) config);
    };
  }

  /**
   * The weights that change when an adapter is merged.
   *
   * @throws IllegalArgumentException if it cannot be merged into this model
   */
  public static List<MergedWeight> merged(AdapterConfig config, BaseGraph base) {
    return of(config).merged(base);
  }
}
