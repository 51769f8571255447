package org.llmadapters.graph.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.Residual;

final class ModelConfigTest {
  private static final TokenIds NONE =
      new TokenIds(OptionalInt.empty(), List.of(), OptionalInt.empty());

  private static ModelConfig config(double normEps, TokenIds tokenIds) {
    return config(new AttentionConfig(3, 1, 4), 4, normEps, tokenIds);
  }

  private static ModelConfig config(
      AttentionConfig attention, int rotaryDim, double normEps, TokenIds tokenIds) {
    return new ModelConfig(
        "llama",
        new Sizes(17, 12, 20, 2, 64),
        attention,
        Optional.of(new RopeConfig(10000, rotaryDim, new RopeScaling.None())),
        Activation.SILU,
        Biases.NONE,
        Residual.SEQUENTIAL,
        normEps,
        false,
        tokenIds);
  }

  @Test
  void rejectsMoreRotaryElementsThanAHeadHas() {
    assertThatThrownBy(() -> config(new AttentionConfig(3, 1, 4), 6, 1e-6, NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the number of rotary elements of a head must be at most head_dim (4), got 6");
  }

  @Test
  void rejectsWindowsForOtherThanAllLayers() {
    AttentionConfig attention = new AttentionConfig(3, 1, 4, List.of(5, 0, 5));
    assertThatThrownBy(() -> config(attention, 4, 1e-6, NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the attention of each of the 2 layers must be described, got 3");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, -1e-6, Double.NaN})
  void rejectsEpsOutOfRange(double eps) {
    assertThatThrownBy(() -> config(eps, NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the norm's epsilon must be in (0, 1), got " + eps);
  }

  @Test
  void rejectsTokenIdsOutsideTheVocabulary() {
    OptionalInt none = OptionalInt.empty();
    assertThatThrownBy(() -> config(1e-6, new TokenIds(OptionalInt.of(17), List.of(), none)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bos_token_id must be between 0 and vocab_size - 1 = 16, got 17");
    assertThatThrownBy(() -> config(1e-6, new TokenIds(none, List.of(2, -1), none)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("eos_token_id must be between 0 and vocab_size - 1 = 16, got -1");
    assertThatThrownBy(() -> config(1e-6, new TokenIds(none, List.of(), OptionalInt.of(32000))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("pad_token_id must be between 0 and vocab_size - 1 = 16, got 32000");
  }

  @Test
  void takesTheFirstAndTheLastTokenId() {
    TokenIds ids = new TokenIds(OptionalInt.of(0), List.of(16, 0), OptionalInt.of(16));
    assertThat(config(1e-6, ids).tokenIds()).isEqualTo(ids);
  }

  @Test
  void padsWithTheFirstEndTokenWhereTheCheckpointNamesNoPad() {
    assertThat(new TokenIds(OptionalInt.empty(), List.of(7, 3), OptionalInt.empty()).padding())
        .isEqualTo(7);
    assertThat(NONE.padding()).isZero();
    assertThat(new TokenIds(OptionalInt.empty(), List.of(), OptionalInt.of(5)).padding())
        .isEqualTo(5);
  }

  @Test
  void tokenIdsKeepACopyOfTheirList() {
    List<Integer> eos = new ArrayList<>(List.of(2));
    TokenIds ids = new TokenIds(OptionalInt.empty(), eos, OptionalInt.empty());
    eos.add(3);
    assertThat(ids.eos()).containsExactly(2);
  }
}
