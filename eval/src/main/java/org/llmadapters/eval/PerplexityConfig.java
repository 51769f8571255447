package org.llmadapters.eval;

/**
 * The windows over a text.
 *
 * @param maxLength most tokens of a window
 * @param stride tokens from the start of one window to the start of the next
 * @param batchSize windows that are computed together
 */
public record PerplexityConfig(int maxLength, int stride, int batchSize) {
  public PerplexityConfig {
    if (maxLength < 2) {
      throw new IllegalArgumentException("max_length must be >= 2, got " + maxLength);
    }
    if (stride < 1 || stride > maxLength) {
      throw new IllegalArgumentException(
          "stride must be >= 1 and <= max_length "
              + maxLength
              + ", or tokens would be left out, got "
              + stride);
    }
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch_size must be >= 1, got " + batchSize);
    }
  }
}
