package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.Splicer.Mode;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TInt32;

/** On a random LLaMA with V=17, H=12, and on a BLOOM, whose output layer is tied. */
final class LoraEmbeddingTest {
  private static final int[][] IDS = {{3, 16, 0, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
  private static final BaseGraph BASE = base(Architecture.LLAMA, 3, 1);
  private static final LoraConfig LORA =
      new LoraConfig(3, 6, 0.5, TargetModules.of("embed_tokens", "lm_head"));

  private static BaseGraph base(Architecture family, int heads, int keyValueHeads) {
    OptionalInt none = OptionalInt.empty();
    return Architecture.build(
        family
            .family()
            .config(
                new Sizes(17, 12, 20, 1, 64),
                new AttentionConfig(heads, keyValueHeads, 4),
                new TokenIds(none, List.of(), none)),
        WeightDtype.FLOAT32);
  }

  private static LoraConfig config(boolean dora, String init, String... targets) {
    return new LoraConfig(
        2,
        3,
        false,
        0,
        TargetModules.of(targets),
        LoraPatterns.NONE,
        new LoraVariant(dora, LoraInit.of(init), TrainedBias.NONE));
  }

  private static AdaptedGraph splice(BaseGraph base, LoraConfig config) {
    return Splicer.splice(base.graphDef(), config, "default", Mode.TRAINING);
  }

  private static float[] logits(GraphDef graph, Map<String, float[]> values) {
    return new Evaluation(graph, values)
        .feed("input_ids", TInt32.tensorOf(StdArrays.ndCopyOf(IDS)))
        .feed("attention_mask", TInt32.tensorOf(StdArrays.ndCopyOf(MASK)))
        .fetch("logits");
  }

  private static Map<String, float[]> random(List<Weight> weights, int seed) {
    Random random = new Random(seed);
    Map<String, float[]> values = new LinkedHashMap<>();
    for (Weight weight : weights) {
      values.put(weight.name(), Evaluation.random(random, (int) weight.elements()));
    }
    return values;
  }

  private static float[] value(Map<String, float[]> values, String name) {
    return Objects.requireNonNull(values.get(name), name);
  }

  @Test
  void hasTheParametersOfPeft() {
    AdaptedGraph adapted = splice(BASE, LORA);
    assertThat(adapted.modules()).containsExactly("lm_head", "model.embed_tokens");
    assertThat(adapted.parameters())
        .containsExactly(
            new AdapterParameter(
                "lm_head.lora_A.weight",
                List.of(3L, 12L),
                new Initializer.Uniform(1 / Math.sqrt(12))),
            new AdapterParameter(
                "lm_head.lora_B.weight", List.of(17L, 3L), new Initializer.Zeros()),
            new AdapterParameter(
                "model.embed_tokens.lora_embedding_A", List.of(3L, 17L), new Initializer.Zeros()),
            new AdapterParameter(
                "model.embed_tokens.lora_embedding_B",
                List.of(12L, 3L),
                new Initializer.Normal(1)));
  }

  @ParameterizedTest
  @CsvSource({"false, Normal", "gaussian, Zeros", "orthogonal, Zeros"})
  void startsAsInPeft(String init, String ofA) {
    assertThat(splice(BASE, config(false, init, "embed_tokens")).parameters())
        .extracting(parameter -> parameter.initializer().getClass().getSimpleName())
        .containsExactly(ofA, "Normal");
  }

  /** {@code E + 2 (B A)^T}, computed here element by element. */
  @Test
  void addsRowsOfTheProduct() {
    LoraConfig config = new LoraConfig(3, 6, 0.5, TargetModules.of("embed_tokens"));
    AdaptedGraph adapted = splice(BASE, config);
    Map<String, float[]> values = random(BASE.weights(), 1);
    float[] unadapted = logits(BASE.graphDef(), values);
    values.putAll(random(adapted.variables(), 2));
    float[] a = value(values, "adapters.default.model.embed_tokens.lora_embedding_A");
    float[] b = value(values, "adapters.default.model.embed_tokens.lora_embedding_B");
    float[] embedding = value(values, "model.embed_tokens.weight").clone();
    for (int id = 0; id < 17; id++) {
      for (int i = 0; i < 12; i++) {
        for (int k = 0; k < 3; k++) {
          embedding[id * 12 + i] += 2 * b[i * 3 + k] * a[k * 17 + id];
        }
      }
    }
    float[] logits = logits(adapted.graphDef(), values);
    values.put("model.embed_tokens.weight", embedding);
    float[] expected = logits(BASE.graphDef(), values);
    assertThat(logits).isNotEqualTo(unadapted);
    for (int i = 0; i < logits.length; i++) {
      assertThat(logits[i]).isCloseTo(expected[i], within(1e-4f));
    }
  }

  @Test
  void adaptsTheDecodeGraphAsWell() {
    assertThat(splice(BASE, LORA).graphDef().getNodeList())
        .filteredOn(node -> node.getName().endsWith("lora_embedding_A/Read"))
        .hasSize(1);
    assertThat(splice(BASE, LORA).graphDef().getNodeList())
        .filteredOn(
            node ->
                node.getInputList()
                    .contains("adapters/default/model/embed_tokens/lora_embedding_A/Read"))
        .extracting(node -> node.getName().startsWith("adapters/default/decode/"))
        .containsExactlyInAnyOrder(true, false);
  }

  @Test
  void namesItByItsOwnRankAndAlpha() {
    LoraConfig config =
        new LoraConfig(
            3,
            6,
            false,
            0,
            TargetModules.of("embed_tokens", "lm_head"),
            new LoraPatterns(Map.of("embed_tokens", 5), Map.of("lm_head", 9.0)),
            LoraVariant.PLAIN);
    assertThat(splice(BASE, config).parameters())
        .extracting(AdapterParameter::shape)
        .containsExactly(List.of(3L, 12L), List.of(17L, 3L), List.of(5L, 17L), List.of(12L, 5L));
    assertThat(config.scalingOf("lm_head")).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource({
    "true, true, use_dora",
    "false, pissa, init_lora_weights pissa",
    "true, olora, use_dora and init_lora_weights olora"
  })
  void refusesVariantsThatAreNotForEmbeddings(boolean dora, String init, String options) {
    assertThatThrownBy(() -> splice(BASE, config(dora, init, "q_proj", "embed_tokens")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "target_modules: model.embed_tokens is an embedding, which cannot be adapted with "
                + options
                + "; leave it out of target_modules");
  }

  @Test
  void isNotMergedWhereTheOutputLayerHasTheSameWeight() {
    BaseGraph tied = base(Architecture.BLOOM, 3, 3);
    LoraConfig config = new LoraConfig(2, 4, 0, TargetModules.of("word_embeddings"));
    assertThat(splice(tied, config).modules()).containsExactly("transformer.word_embeddings");
    assertThatThrownBy(() -> Adapters.merged(config, tied))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "cannot be merged: it adapts transformer.word_embeddings, whose weight is lm_head's as"
                + " well (tie_word_embeddings), so that merging would change that layer, too; use"
                + " the adapter without merging it");
  }

  @Test
  void isForLoraAlone() {
    assertThatThrownBy(
            () ->
                Splicer.splice(
                    BASE.graphDef(),
                    new Ia3Config(TargetModules.of("embed_tokens"), Optional.empty()),
                    "default",
                    Mode.TRAINING))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("target_modules: nothing in the model matches embed_tokens");
  }
}
