package org.llmadapters.eval;

import org.llmadapters.graph.compile.BeamConfig;
import org.llmadapters.graph.compile.SamplingConfig;

/**
 * How to generate.
 *
 * @param maxNewTokens {@code max_new_tokens}: the most tokens after a prompt
 * @param batchSize prompts that are generated together
 * @param beams how sequences are searched for
 * @param sampling how a token is chosen; of beams, only the repetition penalty
 * @param seed of the random numbers that tokens are drawn by
 * @param stop texts that end an answer
 */
public record GenerationConfig(
    int maxNewTokens,
    int batchSize,
    BeamConfig beams,
    SamplingConfig sampling,
    long seed,
    StopStrings stop) {
  /** Greedily. */
  public GenerationConfig(int maxNewTokens, int batchSize) {
    this(maxNewTokens, batchSize, BeamConfig.GREEDY);
  }

  /** By beam search, or greedily with one beam. */
  public GenerationConfig(int maxNewTokens, int batchSize, BeamConfig beams) {
    this(maxNewTokens, batchSize, beams, SamplingConfig.GREEDY, 0, StopStrings.NONE);
  }

  public GenerationConfig {
    if (maxNewTokens < 1) {
      throw new IllegalArgumentException("max_new_tokens must be >= 1, got " + maxNewTokens);
    }
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch_size must be >= 1, got " + batchSize);
    }
    if (sampling.doSample() && beams.numBeams() > 1) {
      throw new IllegalArgumentException(
          "beams are searched, not drawn: do_sample needs num_beams 1, got " + beams.numBeams());
    }
  }
}
