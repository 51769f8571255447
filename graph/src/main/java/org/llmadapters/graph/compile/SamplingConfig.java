package org.llmadapters.graph.compile;

/**
 * How a token is chosen from its logits, with the names, the defaults and the order of
 * transformers: the repetition penalty, then, if a token is drawn and not the likeliest taken, the
 * temperature, top k, top p.
 *
 * @param doSample {@code do_sample}: draw a token by its probability; false takes the likeliest
 * @param temperature logits are divided by it; below 1 makes likely tokens likelier
 * @param topK {@code top_k}: only tokens with a logit not below the k-th largest are drawn; 0 for
 *     all
 * @param topP {@code top_p}: only the smallest set of likeliest tokens whose probabilities sum to
 *     at least p is drawn from, of equal ones those with the smaller ids; 1 for all
 * @param repetitionPenalty {@code repetition_penalty}: the logit of a token that is in the prompt
 *     or was chosen before is divided by it if positive and multiplied if negative; 1 for none
 */
public record SamplingConfig(
    boolean doSample, double temperature, int topK, double topP, double repetitionPenalty) {
  /** The likeliest token each time. */
  public static final SamplingConfig GREEDY = new SamplingConfig(false, 1, 50, 1, 1);

  public SamplingConfig {
    // Beyond these, float32 has zeros and infinities.
    if (!(temperature >= 1e-4 && temperature <= 1e4)) {
      throw new IllegalArgumentException(
          "temperature must be between 0.0001 and 10000, got " + temperature);
    }
    if (topK < 0) {
      throw new IllegalArgumentException("top_k must be >= 0, 0 for all tokens, got " + topK);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("top_p must be in (0, 1], 1 for all tokens, got " + topP);
    }
    if (!(repetitionPenalty >= 0.01 && repetitionPenalty <= 100)) {
      throw new IllegalArgumentException(
          "repetition_penalty must be between 0.01 and 100, 1 for none, got " + repetitionPenalty);
    }
  }

  /** Whether tokens that occurred are chosen less, or more. */
  boolean penalises() {
    return repetitionPenalty != 1;
  }
}
