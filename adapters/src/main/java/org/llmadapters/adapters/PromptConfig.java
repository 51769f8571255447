package org.llmadapters.adapters;

import java.util.Optional;

/**
 * Prompt tuning: P trained vectors, {@code prompt_embeddings} [P, token_dim], stand before the
 * embeddings of the tokens. They count as positions; no loss is asked of them.
 *
 * <p>Source: Lester et al. 2021, arXiv:2104.08691; PEFT, {@code tuners/prompt_tuning/model.py}.
 *
 * @param prompt P and the model's sizes
 * @param initText {@code prompt_tuning_init_text}: the virtual tokens start as the embeddings of
 *     this text, repeated or cut to P tokens; else they are normally distributed
 */
public record PromptConfig(PromptLearning prompt, Optional<String> initText)
    implements AdapterConfig {

  public PromptConfig {
    if (initText.isPresent() && initText.get().isEmpty()) {
      throw new IllegalArgumentException("prompt_tuning_init_text must not be empty");
    }
  }

  @Override
  public AdapterKind kind() {
    return AdapterKind.PROMPT;
  }
}
