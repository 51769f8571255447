package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.EmbeddingSite;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.rewrite.VariablesAsInputs;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TFloat32;

/**
 * Weights of the model that are trained whole with an adapter: its biases, and all weights of the
 * modules to save. Each is a parameter called as in the model, which is read in place of the base's
 * and starts as that.
 *
 * <p>Source: PEFT, {@code bias} in {@code tuners/lora/model.py}, {@code ModulesToSaveWrapper} in
 * {@code utils/other.py} and {@code utils/save_and_load.py}; LLM-Adapters, {@code
 * tuners/bottleneck.py}.
 *
 * @param trainedBias which of the biases
 * @param modulesToSave ends of module paths, with all that is in the modules
 * @param targetModules of the adapter
 */
record TrainedWeights(
    TrainedBias trainedBias, List<String> modulesToSave, TargetModules targetModules) {
  private static final String BIAS = ".bias";

  /**
   * Lets all that read one of the weights read its trained value.
   *
   * @throws IllegalArgumentException that lists all modules to save which cannot be trained whole
   */
  void addTo(Splice splice) {
    requireSavable(splice.base());
    for (Weight weight : of(splice.base())) {
      try (Splice.Part part = splice.part(weight.node() + "/")) {
        Ops tf = part.tf();
        Operand<TFloat32> trained =
            part.trainable(
                new AdapterParameter(
                    weight.name(), weight.shape(), new Initializer.OfBase(weight)));
        part.replace(
            VariableNodes.readName(weight),
            tf.identity(TensorTypes.cast(tf, trained, weight.dtype())));
      }
    }
  }

  /** Merging puts them in the place of the base's. */
  List<MergedWeight> merged(GraphDef base) {
    return of(base).stream().map(TrainedWeights::merged).toList();
  }

  private static MergedWeight merged(Weight weight) {
    int columns = Math.toIntExact(weight.elements() / weight.shape().get(0));
    return new MergedWeight(
        weight.name(),
        columns,
        List.of(weight.name()),
        values ->
            (row, merged) -> System.arraycopy(values.get(0), row * columns, merged, 0, columns));
  }

  private List<Weight> of(GraphDef base) {
    Set<String> layers =
        Sites.linear(base).stream()
            .map(LinearSite::module)
            .filter(targetModules::matches)
            .collect(Collectors.toSet());
    return ofModel(base)
        .filter(
            weight ->
                isTrainedBias(weight.name(), layers)
                    || modulesToSave.stream().anyMatch(name -> isIn(name, weight.name())))
        .toList();
  }

  private static Stream<Weight> ofModel(GraphDef base) {
    return VariablesAsInputs.of(base).variables().stream()
        .filter(weight -> !weight.name().startsWith("adapters."));
  }

  private boolean isTrainedBias(String weight, Set<String> layers) {
    if (!weight.endsWith(BIAS)) {
      return false;
    }
    return switch (trainedBias) {
      case NONE -> false;
      case ADAPTED -> layers.contains(weight.substring(0, weight.length() - BIAS.length()));
      case ALL -> true;
    };
  }

  /** Whether {@code path} is of, or below, a module whose path ends with {@code name}. */
  private static boolean isIn(String name, String path) {
    return path.startsWith(name + ".") || path.contains("." + name + ".");
  }

  private void requireSavable(GraphDef base) {
    if (modulesToSave.isEmpty()) {
      return;
    }
    List<String> problems = new ArrayList<>();
    Map<String, String> tied = TiedLayers.of(base);
    List<String> weights = ofModel(base).map(Weight::name).toList();
    List<String> adapted =
        Stream.concat(
                Sites.linear(base).stream().map(LinearSite::module),
                Sites.tokenEmbeddings(base).stream().map(EmbeddingSite::module))
            .filter(targetModules::matches)
            .distinct()
            .toList();
    for (String name : modulesToSave) {
      List<String> shared =
          tied.entrySet().stream()
              .filter(
                  layer -> isIn(name, layer.getKey() + ".weight") || isIn(name, layer.getValue()))
              .map(layer -> layer.getKey() + " reads " + layer.getValue())
              .toList();
      if (shared.isEmpty() && weights.stream().noneMatch(weight -> isIn(name, weight))) {
        problems.add(name + ": no module of the model has a path that ends so");
      }
      shared.forEach(
          layer ->
              problems.add(
                  name
                      + ": "
                      + layer
                      + " (tie_word_embeddings), and neither can be trained without the other"));
      adapted.stream()
          .filter(module -> isIn(name, module + "."))
          .findFirst()
          .ifPresent(
              module ->
                  problems.add(
                      name + ": " + module + " is one of target_modules; it cannot be both"));
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          "modules_to_save does not fit the model:\n  "
              + String.join("\n  ", problems)
              + "\nList the modules with: llm-adapters inspect --model DIR");
    }
  }
}
