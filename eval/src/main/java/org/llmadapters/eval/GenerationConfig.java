package org.llmadapters.eval;

import org.llmadapters.graph.compile.BeamConfig;

/**
 * How to generate.
 *
 * @param maxNewTokens {@code max_new_tokens}: the most tokens after a prompt
 * @param batchSize prompts that are generated together
 * @param beams how sequences are searched for
 */
public record GenerationConfig(int maxNewTokens, int batchSize, BeamConfig beams) {
  /** Greedily. */
  public GenerationConfig(int maxNewTokens, int batchSize) {
    this(maxNewTokens, batchSize, BeamConfig.GREEDY);
  }

  public GenerationConfig {
    if (maxNewTokens < 1) {
      throw new IllegalArgumentException("max_new_tokens must be >= 1, got " + maxNewTokens);
    }
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch_size must be >= 1, got " + batchSize);
    }
  }
}
