package org.llmadapters.training.data;

/**
 * How examples are put into micro batches.
 *
 * @param microBatchSize rows of a micro batch
 * @param arrangement which examples share rows and micro batches
 * @param buckets lengths that rows are padded to; the last is how much a packed row holds
 * @param padTokenId fills rows up
 * @param shuffle whether each epoch has its own order; otherwise it is the file's
 * @param seed of the orders
 */
public record BatchConfig(
    int microBatchSize,
    Arrangement arrangement,
    Buckets buckets,
    int padTokenId,
    boolean shuffle,
    long seed) {

  public BatchConfig {
    if (microBatchSize < 1) {
      throw new IllegalArgumentException("micro_batch_size must be >= 1, got " + microBatchSize);
    }
    if (padTokenId < 0) {
      throw new IllegalArgumentException("pad_token_id must be >= 0, got " + padTokenId);
    }
  }

  /** The same in the file's order. */
  public BatchConfig unshuffled() {
    return new BatchConfig(microBatchSize, arrangement, buckets, padTokenId, false, seed);
  }
}
