package org.llmadapters.graph.spec;

/** How queries, keys and values are laid out in the weights that make them. */
public enum Projections {
  /** Three linear layers. */
  SEPARATE,
  /** One linear layer; its output is [N, 3, D]: query, key and value of a head side by side. */
  FUSED_BY_HEAD,
  /** One linear layer; its output is [3, N, D]: all queries, then all keys, then all values. */
  FUSED_IN_BLOCKS
}
