package org.llmadapters.adapters;

import java.util.List;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.family.TFloating;

/** An adapter of linear layers: what it does at one of them. */
interface LinearAdapter extends Adapter {

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

  /** The modules that the adapter is for. */
  TargetModules targetModules();

  /** Modules of a base graph that are no linear layers and may be among the targets as well. */
  default List<String> otherModules(GraphDef base) {
    return List.of();
  }

  @Override
  default void addTo(Splice splice) {
    for (LinearSite site : splice.targets(targetModules(), otherModules(splice.base()))) {
      try (Splice.Part part = splice.part(site.node(""))) {
        LinearParameters parameters =
            new LinearParameters(splice, part, site, splice.adapt(site.module()));
        Class<TFloating> type = TensorTypes.of(site.dtype());
        Operand<TFloating> input = part.tensor(site.input(), type, -1, -1, site.inFeatures());
        Operand<TFloating> output = part.tensor(site.output(), type, -1, -1, site.outFeatures());
        Operand<TFloating> result = apply(part.tf(), site, input, output, parameters);
        part.replace(
            switch (replaced(site)) {
              case INPUT -> site.input();
              case OUTPUT -> site.output();
            },
            result);
      }
    }
  }

  @Override
  default List<MergedWeight> merged(BaseGraph base) {
    return Sites.linear(base.graphDef()).stream()
        .filter(site -> site.scope().isEmpty() && targetModules().matches(site.module()))
        .flatMap(site -> merged(site, base).stream())
        .toList();
  }

  /**
   * What merging makes of the weights of a layer.
   *
   * @throws UnsupportedOperationException if this kind cannot be merged
   */
  List<MergedWeight> merged(LinearSite site, BaseGraph base);
}
