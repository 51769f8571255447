package org.llmadapters.eval;

/**
 * How to generate.
 *
 * @param maxNewTokens {@code max_new_tokens}: the most tokens after a prompt
 * @param batchSize prompts that are generated together
 */
public record GenerationConfig(int maxNewTokens, int batchSize) {
  public GenerationConfig {
    if (maxNewTokens < 1) {
      throw new IllegalArgumentException("max_new_tokens must be >= 1, got " + maxNewTokens);
    }
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch_size must be >= 1, got " + batchSize);
    }
  }
}
