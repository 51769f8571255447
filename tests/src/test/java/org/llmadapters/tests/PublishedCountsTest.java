package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.llmadapters.adapters.AdapterConfig;
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
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;

/**
 * Trained values of LLaMA-7B, as the paper counts them; its graph is built, its weights are not.
 */
final class PublishedCountsTest {
  private static final ModelConfig LLAMA_7B =
      Architecture.LLAMA
          .family()
          .config(
              new Sizes(32000, 4096, 11008, 32, 2048),
              new AttentionConfig(32, 32, 128),
              new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0)));

  private static final BaseGraph BASE = Architecture.build(LLAMA_7B, WeightDtype.BFLOAT16);

  /** What each row of the README's table is about, in its order. */
  static final Map<String, AdapterConfig> ROWS =
      Map.of(
          "lora", new LoraConfig(8, 16, 0, TargetModules.of("q_proj", "v_proj")),
          "series", bottleneck(Placement.ADAPTER_H),
          "series --use-adapterp", bottleneck(Placement.ADAPTER_P),
          "parallel", bottleneck(Placement.PARALLEL),
          "ia3", Ia3Config.defaults(Architecture.LLAMA),
          "prefix", prefix(10),
          "prompt", new PromptConfig(PromptLearning.ofEmbeddings(10, LLAMA_7B), Optional.empty()),
          "p-tuning",
              new PTuningConfig(
                  PromptLearning.ofEmbeddings(10, LLAMA_7B),
                  PTuningConfig.Encoder.MLP,
                  4096,
                  2,
                  0));

  private static BottleneckConfig bottleneck(Placement placement) {
    return new BottleneckConfig(
        256,
        Activation.TANH,
        0,
        OptionalDouble.of(1),
        new BottleneckVariant(InitWeights.BERT, TrainedBias.NONE),
        placement,
        BottleneckConfig.defaultTargets(Architecture.LLAMA, placement).orElseThrow());
  }

  private static PrefixConfig prefix(int virtualTokens) {
    return new PrefixConfig(
        PromptLearning.ofKeysAndValues(virtualTokens, LLAMA_7B),
        OptionalInt.empty(),
        PrefixConfig.Layout.LAYER_BY_LAYER);
  }

  static long trainable(AdapterConfig config) {
    return Splicer.splice(BASE.graphDef(), config, "default", Splicer.Mode.TRAINING)
        .trainableElements();
  }

  /** Of all parameters, those of the adapter included. */
  static double share(AdapterConfig config) {
    long base = BASE.weights().stream().mapToLong(Weight::elements).sum();
    long trained = trainable(config);
    return (double) trained / (base + trained);
  }

  @Test
  void areThoseOfThePaper() {
    long hidden = 4096;
    long layers = 32;
    // Published: AdapterH 201.3M, AdapterP 67.1M, Parallel 201.3M.
    assertThat(trainable(bottleneck(Placement.ADAPTER_H)))
        .isEqualTo(3 * layers * 2 * 256 * hidden)
        .isEqualTo(201_326_592);
    assertThat(trainable(bottleneck(Placement.ADAPTER_P)))
        .isEqualTo(layers * 2 * 256 * hidden)
        .isEqualTo(67_108_864);
    assertThat(trainable(bottleneck(Placement.PARALLEL))).isEqualTo(201_326_592);
    // LoRA r=8 on q, v: 4.19M; r=32 on q, k, v, up, down: 56.1M.
    assertThat(trainable(new LoraConfig(8, 16, 0, TargetModules.of("q_proj", "v_proj"))))
        .isEqualTo(4_194_304);
    assertThat(
            trainable(
                new LoraConfig(
                    32,
                    64,
                    0,
                    TargetModules.of("q_proj", "k_proj", "v_proj", "up_proj", "down_proj"))))
        .isEqualTo(layers * 32 * (3 * 2 * hidden + 2 * (hidden + 11008)))
        .isEqualTo(56_098_816);
    // Prefix of 10 tokens: 2.62M; of 30: 7.86M.
    assertThat(trainable(prefix(10))).isEqualTo(10 * layers * 2 * hidden).isEqualTo(2_621_440);
    assertThat(trainable(prefix(30))).isEqualTo(7_864_320);
    // IA3 on k, v and down.
    assertThat(trainable(Ia3Config.defaults(Architecture.LLAMA)))
        .isEqualTo(layers * (2 * hidden + 11008));
  }
}
