package org.llmadapters.graph.spec;

/** How the weight of a linear layer inside the blocks is stored. */
public enum WeightLayout {
  /** {@code [out, in]}, PyTorch's {@code Linear}. */
  OUT_IN,
  /** {@code [in, out]}, the {@code Conv1D} of GPT-2. */
  IN_OUT
}
