package org.llmadapters.graph.spec;

/** How a model knows where a token stands. */
public enum PositionEncoding {
  /**
   * Rotary, elements {@code i} and {@code i + R/2} of the R rotary elements of a head are a pair.
   */
  ROTARY_HALVES,
  /** Rotary, elements {@code 2i} and {@code 2i + 1} of a head are a pair. */
  ROTARY_INTERLEAVED,
  /** A trained vector per position, added to the embedding. */
  LEARNED,
  /** A bias on the scores that falls linearly with the distance. */
  ALIBI;

  /** Whether queries and keys are turned by their positions. */
  public boolean isRotary() {
    return this == ROTARY_HALVES || this == ROTARY_INTERLEAVED;
  }
}
