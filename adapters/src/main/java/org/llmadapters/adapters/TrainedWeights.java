package org.llmadapters.adapters;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;

/**
 * Biases of the model that are trained with an adapter: each is a parameter called as in the model,
 * which is read in place of the base's and starts as that.
 *
 * <p>Source: PEFT, {@code bias} in {@code tuners/lora/model.py} and {@code utils/save_and_load.py};
 * LLM-Adapters, {@code tuners/bottleneck.py}.
 *
 * @param which of them
 * @param targetModules of the adapter
 */
record TrainedWeights(TrainedBias which, TargetModules targetModules) {
  private static final String BIAS = ".bias";

  /** Lets all that read one of the biases read its trained value. */
  void addTo(Splice splice) {
    for (Weight bias : of(splice.base())) {
      try (Splice.Part part = splice.part(bias.node() + "/")) {
        Ops tf = part.tf();
        Operand<TFloat32> trained =
            part.trainable(
                new AdapterParameter(bias.name(), bias.shape(), new Initializer.OfBase(bias)));
        part.replace(
            VariableNodes.readName(bias), tf.identity(TensorTypes.cast(tf, trained, bias.dtype())));
      }
    }
  }

  /** Merging puts them in the place of the base's. */
  List<MergedWeight> merged(GraphDef base) {
    return of(base).stream()
        .map(
            bias ->
                new MergedWeight(
                    bias.name(),
                    1,
                    List.of(bias.name()),
                    values -> (row, weight) -> weight[0] = values.get(0)[row]))
        .toList();
  }

  private List<Weight> of(GraphDef base) {
    Set<String> layers =
        Sites.linear(base).stream()
            .map(LinearSite::module)
            .filter(targetModules::matches)
            .collect(Collectors.toSet());
    return VariablesAsInputs.of(base).variables().stream()
        .filter(weight -> weight.name().endsWith(BIAS) && !weight.name().startsWith("adapters."))
        .filter(weight -> isTrained(weight.name(), layers))
        .toList();
  }

  private boolean isTrained(String bias, Set<String> layers) {
    return switch (which) {
      case NONE -> false;
      case ADAPTED -> layers.contains(bias.substring(0, bias.length() - BIAS.length()));
      case ALL -> true;
    };
  }
}
