package org.llmadapters.adapters;

/** What merging makes of a weight, row by row. */
@FunctionalInterface
public interface WeightChange {

  /**
   * Merges into row {@code row} of a weight.
   *
   * @param weights the row, [columns], as it is stored
   */
  void mergeRow(int row, float[] weights);
}
