package org.llmadapters.training.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;

final class FactorRatesTest {
  private static final Weight A = weight("adapters.default.m.q_proj.lora_A.weight", 4, 5);
  private static final Weight B = weight("adapters.default.m.q_proj.lora_B.weight", 7, 4);
  private static final Weight MAGNITUDES =
      weight("adapters.default.m.q_proj.lora_magnitude_vector", 7);
  private static final Weight EMBEDDING_A = weight("adapters.default.m.lora_embedding_A", 4, 9);
  private static final Weight EMBEDDING_B = weight("adapters.default.m.lora_embedding_B", 5, 4);
  private static final Weight DOWN = weight("adapters.default.m.adapter_down.weight", 4, 5);

  private static Weight weight(String name, int... shape) {
    return new Weight(
        name, WeightDtype.FLOAT32, Arrays.stream(shape).asLongStream().boxed().toList());
  }

  @Test
  void equalRatesTrainAllAlike() {
    for (Weight weight : List.of(A, B, MAGNITUDES, EMBEDDING_A, EMBEDDING_B)) {
      assertThat(FactorRates.EQUAL.of(weight)).isEqualTo(1);
    }
    assertThat(FactorRates.EQUAL.trained(List.of(A, B))).containsExactly(A, B);
    assertThat(OptimizerConfig.defaults().rates().factors()).isEqualTo(FactorRates.EQUAL);
  }

  @Test
  void loraPlusMultipliesTheRateOfBAndOfVectors() {
    FactorRates rates = new FactorRates(16, false);
    assertThat(List.of(A, EMBEDDING_A)).allMatch(weight -> rates.of(weight) == 1);
    assertThat(List.of(B, EMBEDDING_B, MAGNITUDES)).allMatch(weight -> rates.of(weight) == 16);
  }

  @Test
  void loraFaTrainsAllButAOfLayers() {
    assertThat(
            new FactorRates(1, true).trained(List.of(A, B, MAGNITUDES, EMBEDDING_A, EMBEDDING_B)))
        .containsExactly(B, MAGNITUDES, EMBEDDING_A, EMBEDDING_B);
  }

  @Test
  void needsFactorsWhereTheyLearnDifferently() {
    assertThatCode(() -> FactorRates.EQUAL.requireFactors("--adapter full", List.of()))
        .doesNotThrowAnyException();
    assertThatCode(() -> new FactorRates(2, true).requireFactors("--adapter lora", List.of(A, B)))
        .doesNotThrowAnyException();
    assertThatThrownBy(
            () -> new FactorRates(2, true).requireFactors("--adapter series", List.of(DOWN)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "--loraplus-lr-ratio and --lora-fa need an adapter with lora_A and lora_B, got --adapter"
                + " series; leave them out, or use --adapter lora");
    assertThatThrownBy(() -> new FactorRates(1, true).requireFactors("--adapter full", List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "--lora-fa needs an adapter with lora_A and lora_B, got --adapter full; leave it out, or"
                + " use --adapter lora");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, 1e6, Double.NaN})
  void rejectsRatiosOutOfRange(double ratio) {
    assertThatThrownBy(() -> new FactorRates(ratio, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("loraplus_lr_ratio must be in (0, 1e6), got " + ratio);
  }
}
