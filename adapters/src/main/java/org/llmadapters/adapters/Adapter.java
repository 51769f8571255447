package org.llmadapters.adapters;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.graph.rewrite.LinearSite;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.family.TFloating;

/** What one adapter kind does at one linear layer. */
interface Adapter {

  /** A tensor of a layer. */
  enum Replaced {
    /** What the layer reads. */
    INPUT,
    /** What all behind the layer read. */
    OUTPUT
  }

  /** The tensor whose place {@link #apply}'s result takes. */
  default Replaced replaced(LinearSite site) {
    return Replaced.OUTPUT;
  }

  /**
   * Builds the tensor that takes the place of {@link #replaced}.
   *
   * @param tf of an empty graph: names are free
   * @param input dtype [B, T, in]
   * @param output dtype [B, T, out]; not to be read where the input is replaced
   * @return dtype [B, T, in] or [B, T, out]
   */
  Operand<TFloating> apply(
      Ops tf,
      LinearSite site,
      Operand<TFloating> input,
      Operand<TFloating> output,
      AdapterParameters parameters);

  /**
   * What the adapter adds to the layer's weight, as it is stored, once it is merged; empty if this
   * kind cannot be merged.
   *
   * @param values the parameters of the site by their names relative to its module, row-major
   */
  Optional<WeightDelta> mergeInto(LinearSite site, Map<String, float[]> values);

  /** The modules that the adapter is for. */
  TargetModules targetModules();

  /** The names of the parameters at a site, relative to its module. */
  List<String> parameterNames();
}
