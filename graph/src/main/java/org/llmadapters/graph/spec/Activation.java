package org.llmadapters.graph.spec;

/** The non-linearity of an MLP. */
public enum Activation {
  /** {@code x * sigmoid(x)}: LLaMA. */
  SILU
}
