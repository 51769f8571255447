package org.llmadapters.graph.spec;

/**
 * How attention and MLP of a block are joined to the residual stream, {@code n1} and {@code n2}
 * being the block's norms.
 */
public enum Residual {
  /** {@code y = x + attention(n1(x)); y + mlp(n2(y))}, and a norm after the last block. */
  SEQUENTIAL,
  /** {@code x + attention(n1(x)) + mlp(n1(x))}, and a norm after the last block. */
  PARALLEL_ONE_NORM,
  /** {@code x + attention(n1(x)) + mlp(n2(x))}, and a norm after the last block. */
  PARALLEL_TWO_NORMS,
  /** {@code y = n1(x + attention(x)); n2(y + mlp(y))}, and no norm after the last block. */
  NORM_AFTER
}
