package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.graph.block.BaseGraph;

/** What one adapter kind does to a model. */
interface Adapter {

  /**
   * Puts its operations into a model's graphs.
   *
   * @throws IllegalArgumentException if it cannot be put into this model
   */
  void addTo(Splice splice);

  /**
   * The weights that change when it is merged; asked for only where {@link AdapterKind#merges}.
   *
   * @throws IllegalArgumentException if it cannot be merged into this model
   */
  List<MergedWeight> merged(BaseGraph base);
}
