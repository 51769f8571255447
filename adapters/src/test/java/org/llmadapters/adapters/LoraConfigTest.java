package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class LoraConfigTest {
  private static final TargetModules TARGETS = TargetModules.of("q_proj");

  @Test
  void defaultsAreThoseOfLlmAdapters() {
    assertThat(LoraConfig.defaults())
        .isEqualTo(
            new LoraConfig(8, 16, 0.05, new TargetModules.Names(List.of("q_proj", "v_proj"))));
  }

  @Test
  void scalesByAlphaOverR() {
    assertThat(new LoraConfig(8, 16, 0, TARGETS).scaling()).isEqualTo(2);
    assertThat(new LoraConfig(3, 5, 0, TARGETS).scaling()).isEqualTo(5.0 / 3);
  }

  @Test
  void isOfKindLora() {
    assertThat(LoraConfig.defaults().kind()).isEqualTo(AdapterKind.LORA);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 65537})
  void rejectsRanksOutOfRange(int r) {
    assertThatThrownBy(() -> new LoraConfig(r, 16, 0, TARGETS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("r must be between 1 and 65536, got " + r);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, 1e9, Double.NaN, Double.POSITIVE_INFINITY})
  void rejectsAlphaOutOfRange(double alpha) {
    assertThatThrownBy(() -> new LoraConfig(8, alpha, 0, TARGETS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("lora_alpha must be in (0, 1e9), got " + alpha);
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1, Double.NaN})
  void rejectsDropoutOutOfRange(double dropout) {
    assertThatThrownBy(() -> new LoraConfig(8, 16, dropout, TARGETS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("lora_dropout must be in [0, 1), got " + dropout);
  }
}
