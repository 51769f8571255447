package org.llmadapters.adapters;

import java.util.List;
import java.util.function.Function;

/**
 * What merging does to one tensor of the model.
 *
 * @param name of the tensor in the checkpoint
 * @param columns length of its rows; 1 for a vector, whose elements are rows
 * @param parameters what has to be known, by {@link AdapterParameter#name}
 * @param change made of their values, in the same order, each row-major
 */
public record MergedWeight(
    String name,
    long columns,
    List<String> parameters,
    Function<List<float[]>, WeightChange> change) {
  public MergedWeight {
    parameters = List.copyOf(parameters);
  }
}
