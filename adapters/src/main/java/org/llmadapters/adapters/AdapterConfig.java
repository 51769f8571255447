package org.llmadapters.adapters;

/** What the user asked for: one record per adapter kind. */
public sealed interface AdapterConfig
    permits LoraConfig, BottleneckConfig, Ia3Config, PrefixConfig, PromptConfig, PTuningConfig {

  /** Which kind of adapter this configures. */
  AdapterKind kind();
}
