package org.llmadapters.tests;

import static org.llmadapters.tests.ContractFamilies.attentionAndMlp;
import static org.llmadapters.tests.ContractFamilies.config;
import static org.llmadapters.tests.ContractFamilies.isFused;
import static org.llmadapters.tests.ContractFamilies.mlp;
import static org.llmadapters.tests.ContractFamilies.modules;
import static org.llmadapters.tests.ContractFamilies.targets;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.adapters.BottleneckConfig.Placement;
import org.llmadapters.adapters.BottleneckVariant;
import org.llmadapters.adapters.Ia3Config;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.PTuningConfig;
import org.llmadapters.adapters.PrefixConfig;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.adapters.PromptLearning;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.spec.Activation;

/** Every kind of adapter, in the configuration that the contract is tested with. */
final class ContractKinds {

  /**
   * One kind of adapter.
   *
   * @param config of the adapter for a family
   * @param startsAsIdentity whether a new adapter must not change anything
   * @param learningRate at which forty steps on a batch show
   * @param trained names of the trained tensors
   * @param stored names of the tensors in a file
   * @param trainable number of trained values in a model
   */
  record Kind(
      Function<Architecture, AdapterConfig> config,
      boolean startsAsIdentity,
      double learningRate,
      Function<Architecture, List<String>> trained,
      Function<Architecture, List<String>> stored,
      ToLongFunction<ModelConfig> trainable) {}

  static final Map<AdapterKind, Kind> KINDS =
      Map.of(
          AdapterKind.LORA,
          atLayers(
              family -> new LoraConfig(7, 14, 0, targets(family, attentionAndMlp(family))),
              true,
              1e-2,
              family -> names(family, attentionAndMlp(family), "lora_A.weight", "lora_B.weight"),
              // r (in + out) for both modules in each of the two layers
              config -> 2 * (7L * (hidden(config) + queries(config)) + 7L * (20 + hidden(config)))),
          AdapterKind.SERIES,
          atLayers(
              family ->
                  new BottleneckConfig(
                      7,
                      Activation.TANH,
                      0,
                      OptionalDouble.of(2),
                      new BottleneckVariant(InitWeights.BERT, TrainedBias.NONE),
                      Placement.ADAPTER_H,
                      targets(family, mlp(family))),
              false,
              1e-2,
              family -> names(family, mlp(family), "adapter_down.weight", "adapter_up.weight"),
              // both projections carry a bottleneck from the hidden states to themselves
              config -> 2 * 2 * 2 * 7L * hidden(config)),
          AdapterKind.PARALLEL,
          atLayers(
              family ->
                  new BottleneckConfig(
                      7,
                      Activation.GELU,
                      0,
                      OptionalDouble.empty(),
                      new BottleneckVariant(InitWeights.MAM_ADAPTER, TrainedBias.NONE),
                      Placement.PARALLEL,
                      targets(family, attentionAndMlp(family))),
              true,
              1e-2,
              family ->
                  names(
                      family,
                      attentionAndMlp(family),
                      "adapter_down.weight",
                      "adapter_up.weight",
                      "adapter_scaling"),
              // as LoRA, and one scale for each module
              config ->
                  2
                      * (7L * (hidden(config) + queries(config))
                          + 1
                          + 7L * (20 + hidden(config))
                          + 1)),
          AdapterKind.IA3,
          atLayers(
              family ->
                  new Ia3Config(
                      targets(family, attentionAndMlp(family)),
                      Optional.of(targets(family, attentionAndMlp(family).subList(1, 2)))),
              true,
              1e-1,
              family -> names(family, attentionAndMlp(family), "ia3_l"),
              // an output of the projection to queries, an input of the last one of the MLP
              config -> 2 * (queries(config) + 20L)),
          AdapterKind.PREFIX,
          new Kind(
              family ->
                  new PrefixConfig(
                      PromptLearning.ofKeysAndValues(3, config(family)),
                      OptionalInt.empty(),
                      PrefixConfig.Layout.LAYER_BY_LAYER),
              false,
              1e-1,
              family -> List.of("prompt_embeddings"),
              family -> List.of("prompt_embeddings"),
              // a key and a value for each of 3 virtual tokens in each of the two layers
              config ->
                  3L
                      * 2
                      * 2
                      * config.attention().numKeyValueHeads()
                      * config.attention().headDim()),
          AdapterKind.PROMPT,
          new Kind(
              family ->
                  new PromptConfig(
                      PromptLearning.ofEmbeddings(4, config(family)), Optional.empty()),
              false,
              1e-1,
              family -> List.of("prompt_embeddings"),
              family -> List.of("prompt_embeddings"),
              config -> 4L * hidden(config)),
          AdapterKind.P_TUNING,
          new Kind(
              family ->
                  new PTuningConfig(
                      PromptLearning.ofEmbeddings(4, config(family)),
                      PTuningConfig.Encoder.LSTM,
                      5,
                      1,
                      0),
              false,
              1e-1,
              family -> encoder(),
              family -> List.of("prompt_embeddings"),
              // 4 vectors; two directions with 4 gates of 5 and two biases; two linear layers
              config -> {
                long hidden = hidden(config);
                return 4 * hidden
                    + 2 * (20 * hidden + 20 * 5 + 2 * 20)
                    + (10 * 10 + 10)
                    + (10 * hidden + hidden);
              }));

  private ContractKinds() {}

  private static Kind atLayers(
      Function<Architecture, AdapterConfig> config,
      boolean startsAsIdentity,
      double learningRate,
      Function<Architecture, List<String>> names,
      ToLongFunction<ModelConfig> trainable) {
    return new Kind(config, startsAsIdentity, learningRate, names, names, trainable);
  }

  static Kind kind(AdapterKind kind) {
    return Objects.requireNonNull(KINDS.get(kind), "no entry for " + kind);
  }

  private static int hidden(ModelConfig config) {
    return config.sizes().hiddenSize();
  }

  private static int queries(ModelConfig config) {
    return isFused(config) ? 3 * hidden(config) : hidden(config);
  }

  /** Parameters at modules of both layers. */
  private static List<String> names(
      Architecture family, List<String> modules, String... parameters) {
    List<String> names = new ArrayList<>();
    for (int layer = 0; layer < 2; layer++) {
      for (String module : modules) {
        for (String parameter : parameters) {
          names.add(modules(family).get(0) + layer + "." + module + "." + parameter);
        }
      }
    }
    return names;
  }

  private static List<String> encoder() {
    List<String> names = new ArrayList<>(List.of("prompt_encoder.embedding.weight"));
    for (String direction : List.of("_l0", "_l0_reverse")) {
      for (String parameter : List.of("weight_ih", "bias_ih", "weight_hh", "bias_hh")) {
        names.add("prompt_encoder.lstm_head." + parameter + direction);
      }
    }
    for (int layer : List.of(0, 2)) {
      names.add("prompt_encoder.mlp_head." + layer + ".weight");
      names.add("prompt_encoder.mlp_head." + layer + ".bias");
    }
    return names;
  }
}
