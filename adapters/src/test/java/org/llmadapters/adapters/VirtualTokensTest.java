package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.assertj.core.api.Assertions;
import org.assertj.core.groups.Tuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.Splicer.Mode;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.rewrite.Sites;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.types.TInt32;

/** Prefix, prompt and P-tuning on a LLaMA of two layers with H=12, N=3, K=1, D=4. */
final class VirtualTokensTest {
  private static final ModelConfig MODEL =
      Architecture.LLAMA
          .family()
          .config(
              new Sizes(17, 12, 20, 2, 64),
              new AttentionConfig(3, 1, 4),
              new TokenIds(OptionalInt.empty(), List.of(), OptionalInt.empty()));
  private static final BaseGraph BASE = Architecture.build(MODEL, WeightDtype.FLOAT32);

  private static PrefixConfig prefix(OptionalInt encoderHiddenSize) {
    return new PrefixConfig(
        PromptLearning.ofKeysAndValues(3, MODEL),
        encoderHiddenSize,
        PrefixConfig.Layout.LAYER_BY_LAYER);
  }

  private static PromptConfig prompt(Optional<String> text) {
    return new PromptConfig(PromptLearning.ofEmbeddings(5, MODEL), text);
  }

  private static PTuningConfig pTuning(PTuningConfig.Encoder encoder, double dropout) {
    return new PTuningConfig(PromptLearning.ofEmbeddings(5, MODEL), encoder, 7, 2, dropout);
  }

  private static AdaptedGraph splice(AdapterConfig config, Mode mode) {
    return Splicer.splice(BASE.graphDef(), config, "default", mode);
  }

  private static AdapterParameter embeddings(Initializer initializer, long rows, long width) {
    return new AdapterParameter("prompt_embeddings", List.of(rows, width), initializer);
  }

  @Test
  void withoutAnEncoderWhatIsStoredIsTrained() {
    Initializer normal = new Initializer.Normal(1);
    for (Mode mode : Mode.values()) {
      AdaptedGraph adapted = splice(prefix(OptionalInt.empty()), mode);
      // Keys and values, [1, 4] each, of two layers.
      assertThat(adapted.parameters()).containsExactly(embeddings(normal, 3, 2 * 2 * 4));
      assertThat(adapted.computed()).isEmpty();
      assertThat(adapted.modules())
          .containsExactly("model.layers.0.self_attn", "model.layers.1.self_attn");
      assertThat(splice(prompt(Optional.empty()), mode).parameters())
          .containsExactly(embeddings(normal, 5, 12));
      assertThat(splice(prompt(Optional.of("Sum")), mode).parameters())
          .containsExactly(embeddings(new Initializer.TextEmbeddings("Sum"), 5, 12));
    }
  }

  @Test
  void withAnEncoderItsWeightsAreTrainedAndItsResultIsStored() {
    AdaptedGraph trained = splice(prefix(OptionalInt.of(6)), Mode.TRAINING);
    assertThat(trained.parameters())
        .extracting(AdapterParameter::name, AdapterParameter::shape)
        .containsExactly(
            tuple("prompt_encoder.embedding.weight", 3, 4),
            tuple("prompt_encoder.transform.0.weight", 6, 4),
            tuple("prompt_encoder.transform.0.bias", 6),
            tuple("prompt_encoder.transform.2.weight", 16, 6),
            tuple("prompt_encoder.transform.2.bias", 16));
    assertThat(trained.computed())
        .containsExactly(Map.entry("prompt_embeddings", "adapters/default/virtual_tokens"));
    AdaptedGraph stored = splice(prefix(OptionalInt.of(6)), Mode.INFERENCE);
    assertThat(stored.parameters())
        .extracting(AdapterParameter::name, AdapterParameter::shape)
        .containsExactly(tuple("prompt_embeddings", 3, 16));
    assertThat(stored.computed()).isEmpty();
  }

  private static Tuple tuple(String name, long... shape) {
    return Assertions.tuple(name, Arrays.stream(shape).boxed().toList());
  }

  @ParameterizedTest
  @EnumSource
  void tellsDecodersHowManySlotsItNeeds(Mode mode) {
    assertThat(Sites.virtualTokens(BASE.graphDef())).isZero();
    assertThat(Sites.virtualTokens(splice(prefix(OptionalInt.empty()), mode).graphDef()))
        .isEqualTo(3);
    assertThat(Sites.virtualTokens(splice(prompt(Optional.empty()), mode).graphDef())).isEqualTo(5);
  }

  @Test
  void oneGraphHasVirtualTokensOnce() {
    GraphDef first = splice(prefix(OptionalInt.empty()), Mode.INFERENCE).graphDef();
    assertThatThrownBy(
            () -> Splicer.splice(first, prompt(Optional.empty()), "second", Mode.INFERENCE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the graph has virtual tokens of another adapter already; only one of prefix, prompt"
                + " and p-tuning can be used at a time");
  }

  @Test
  void aBaseWithoutRoomForAPrefixIsToBeConvertedAgain() {
    GraphDef.Builder old = BASE.graphDef().toBuilder().clearNode();
    BASE.graphDef().getNodeList().stream()
        .map(
            node ->
                node.getName().equals(Sites.PAST)
                    ? node.toBuilder().setName("tokens/before").build()
                    : node)
        .forEach(old::addNode);
    assertThatThrownBy(
            () ->
                Splicer.splice(old.build(), prefix(OptionalInt.empty()), "default", Mode.INFERENCE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("llm-adapters convert");
  }

  @Test
  void dropoutOfTheEncoderActsWhileTrainingOnly() {
    for (Mode mode : Mode.values()) {
      AdaptedGraph adapted = splice(pTuning(PTuningConfig.Encoder.LSTM, 0.5), mode);
      boolean random =
          adapted.graphDef().getNodeList().stream()
              .anyMatch(node -> node.getName().equals(adapted.dropoutSeed()));
      assertThat(random).isEqualTo(mode == Mode.TRAINING);
    }
  }

  @Test
  void promptsThatAreEmbeddingsOfTokensAreThoseTokens() {
    Map<String, float[]> values = baseValues();
    float[] embedding = Objects.requireNonNull(values.get("model.embed_tokens.weight"));
    int[] first = {3, 16, 0, 5, 5};
    float[] prompt = new float[5 * 12];
    for (int row = 0; row < 5; row++) {
      System.arraycopy(embedding, first[row] * 12, prompt, row * 12, 12);
    }
    Map<String, float[]> adapted = new HashMap<>(values);
    adapted.put("adapters.default.prompt_embeddings", prompt);
    float[] with =
        logits(splice(prompt(Optional.empty()), Mode.INFERENCE).graphDef(), adapted, 7, 2, 9);
    float[] whole = logits(BASE.graphDef(), values, 3, 16, 0, 5, 5, 7, 2, 9);
    double[] expected = new double[3 * 17];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = whole[5 * 17 + i];
    }
    // The same sums in another order: some roundings of 6e-8.
    Evaluation.assertClose(with, expected, 1e-5);
  }

  private static Map<String, float[]> baseValues() {
    Random random = new Random(3);
    Map<String, float[]> values = new HashMap<>();
    for (Weight weight : BASE.weights()) {
      values.put(weight.name(), Evaluation.random(random, (int) weight.elements()));
    }
    return values;
  }

  private static float[] logits(GraphDef graph, Map<String, float[]> values, int... ids) {
    int[] mask = new int[ids.length];
    Arrays.fill(mask, 1);
    return new Evaluation(graph, values)
        .feed("input_ids", TInt32.tensorOf(StdArrays.ndCopyOf(new int[][] {ids})))
        .feed("attention_mask", TInt32.tensorOf(StdArrays.ndCopyOf(new int[][] {mask})))
        .fetch("logits");
  }

  /** Against the same written with loops, in double. */
  @Test
  void theLstmIsTheOneOfPyTorch() {
    AdaptedGraph adapted = splice(pTuning(PTuningConfig.Encoder.LSTM, 0), Mode.EVALUATION);
    Random random = new Random(11);
    Map<String, float[]> values = new HashMap<>();
    for (AdapterParameter parameter : adapted.parameters()) {
      float[] drawn = Evaluation.random(random, (int) parameter.elements());
      for (int i = 0; i < drawn.length; i++) {
        drawn[i] /= 3;
      }
      values.put(parameter.variable("default").name(), drawn);
    }
    float[] encoded =
        new Evaluation(adapted.graphDef(), values).fetch("adapters/default/virtual_tokens");
    Evaluation.assertClose(encoded, new LstmByHand(values).encode(5, 12, 7, 2), 1e-5);
  }
}
