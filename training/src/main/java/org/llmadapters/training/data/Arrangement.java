package org.llmadapters.training.data;

/** How the examples of an epoch are put into rows and micro batches. */
public enum Arrangement {
  /** One example in each row, in the epoch's order. */
  IN_ORDER,
  /** One example in each row, and rows of similar lengths in each micro batch. */
  BY_LENGTH,
  /** As many examples in each row as fit, each a document of its own. */
  PACKED
}
