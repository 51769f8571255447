package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.conversion.hf.HfCheckpoint;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.peft.FittedAdapter;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.conversion.tokenizer.Tokenizers;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.quantize.QuantizedGraph;
import org.llmadapters.graph.rewrite.EmbeddingSite;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;

/**
 * What a model is made of, and whether an adapter fits it. No weight is read.
 *
 * @param kind of the directory: a base SavedModel or a Hugging Face checkpoint
 * @param config of the model
 * @param format of its weights
 * @param groups number of parameters by the part of the model they belong to, e.g. {@code
 *     model.layers.*.self_attn}
 * @param targets the modules that an adapter may be for
 * @param tokenizer that came with the model
 * @param adapter that was looked at, which fits
 */
public record Inspection(
    DirectoryKind kind,
    ModelConfig config,
    WeightFormat format,
    Map<String, Long> groups,
    List<Target> targets,
    Optional<TokenizerFile> tokenizer,
    Optional<InspectedAdapter> adapter) {

  public Inspection {
    groups = Collections.unmodifiableMap(new LinkedHashMap<>(groups));
    targets = List.copyOf(targets);
  }

  /**
   * A name that {@code --target-modules} takes.
   *
   * @param name e.g. {@code q_proj}
   * @param inFeatures width of the input
   * @param outFeatures width of the output
   * @param count how many modules have this name and these sizes
   * @param embedding whether it is the embedding of the tokens, which LoRA alone takes
   */
  public record Target(
      String name, long inFeatures, long outFeatures, int count, boolean embedding) {}

  /**
   * A tokenizer.
   *
   * @param file its name: tells its kind
   * @param vocabSize one more than its largest id
   */
  public record TokenizerFile(String file, int vocabSize) {}

  /**
   * An adapter.
   *
   * @param config its kind and options
   * @param modules the modules it is attached to
   * @param parameters number of trained values
   */
  public record InspectedAdapter(AdapterConfig config, List<String> modules, long parameters) {
    public InspectedAdapter {
      modules = List.copyOf(modules);
    }
  }

  /** Number of the model's parameters, without those of the adapter. */
  public long parameters() {
    return groups.values().stream().mapToLong(Long::longValue).sum();
  }

  /**
   * Looks at a model.
   *
   * @param model a base SavedModel or a Hugging Face checkpoint
   * @param adapter an adapter for it, or null
   * @throws org.llmadapters.graph.FormatException if one of them is not what it should be, or if
   *     the adapter does not fit; all problems at once
   */
  public static Inspection of(Path model, @Nullable Path adapter) throws IOException {
    if (DirectoryKind.of(model) == DirectoryKind.CHECKPOINT) {
      HfConfig config = HfConfig.read(model);
      BaseGraph graph = Architecture.build(config.model(), config.storedDtype());
      try (HfCheckpoint weights = HfCheckpoint.open(model)) {
        weights.check(graph.weights(), Converter.droppable(config.model()));
      }
      return of(
          DirectoryKind.CHECKPOINT,
          config.model(),
          WeightFormat.of(config.storedDtype()),
          graph,
          model,
          adapter);
    }
    BaseModel base = BaseModel.open(model);
    return of(
        DirectoryKind.BASE_MODEL,
        base.config(),
        base.format(),
        base.graph(),
        base.assets(),
        adapter);
  }

  private static Inspection of(
      DirectoryKind kind,
      ModelConfig config,
      WeightFormat format,
      BaseGraph graph,
      Path assets,
      @Nullable Path adapter)
      throws IOException {
    return new Inspection(
        kind,
        config,
        format,
        groups(
            QuantizedGraph.weights(graph),
            Architecture.of(config.modelType()).spec().names().model().layers()),
        targets(graph),
        tokenizer(assets),
        adapter == null ? Optional.empty() : Optional.of(inspect(adapter, graph, config)));
  }

  private static Map<String, Long> groups(List<Weight> weights, String layers) {
    Map<String, Long> groups = new LinkedHashMap<>();
    for (Weight weight : weights) {
      groups.merge(group(weight.name(), layers), weight.elements(), Long::sum);
    }
    return groups;
  }

  /**
   * {@code model.layers.3.mlp.up_proj.weight} belongs to {@code model.layers.*.mlp}; outside the
   * layers, a module is a group.
   */
  private static String group(String weight, String layers) {
    String[] path = weight.split("\\.", -1);
    int depth = layers.split("\\.", -1).length;
    if (weight.startsWith(layers + ".") && path.length > depth + 1) {
      return layers + ".*." + path[depth + 1];
    }
    return weight.substring(0, weight.lastIndexOf('.'));
  }

  private static List<Target> targets(BaseGraph graph) {
    Map<Target, Integer> counts = new LinkedHashMap<>();
    for (EmbeddingSite site : Sites.tokenEmbeddings(graph.graphDef())) {
      if (site.scope().isEmpty()) {
        counts.put(new Target(lastName(site.module()), site.rows(), site.width(), 1, true), 1);
      }
    }
    for (LinearSite site : Sites.linear(graph.graphDef())) {
      if (site.scope().isEmpty()) {
        counts.merge(
            new Target(lastName(site.module()), site.inFeatures(), site.outFeatures(), 1, false),
            1,
            Integer::sum);
      }
    }
    List<Target> targets = new ArrayList<>();
    counts.forEach(
        (target, count) ->
            targets.add(
                new Target(
                    target.name(),
                    target.inFeatures(),
                    target.outFeatures(),
                    count,
                    target.embedding())));
    return targets;
  }

  private static String lastName(String module) {
    return module.substring(module.lastIndexOf('.') + 1);
  }

  private static Optional<TokenizerFile> tokenizer(Path assets) throws IOException {
    Optional<String> file = ModelAssets.tokenizer(assets);
    if (file.isEmpty()) {
      return Optional.empty();
    }
    try (Tokenizer tokenizer = Tokenizers.load(assets).orElseThrow()) {
      return Optional.of(new TokenizerFile(file.get(), tokenizer.vocabSize()));
    }
  }

  private static InspectedAdapter inspect(Path directory, BaseGraph graph, ModelConfig config)
      throws IOException {
    DirectoryKind.ADAPTER.require(directory);
    try (FittedAdapter adapter = FittedAdapter.open(directory, graph, config)) {
      AdaptedGraph adapted = adapter.adapted();
      return new InspectedAdapter(adapted.config(), adapted.modules(), adapted.trainableElements());
    }
  }
}
