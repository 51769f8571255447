package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.arch.Architecture;

final class LoraConfigTest {
  private static final TargetModules TARGETS = TargetModules.of("q_proj");

  /** PEFT, {@code TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING}. */
  @ParameterizedTest
  @CsvSource({
    "LLAMA, q_proj+v_proj",
    "MISTRAL, q_proj+v_proj",
    "QWEN2, q_proj+v_proj",
    "QWEN3, q_proj+v_proj",
    "GEMMA, q_proj+v_proj",
    "OPT, q_proj+v_proj",
    "GPT_J, q_proj+v_proj",
    "GPT_NEO, q_proj+v_proj",
    "BLOOM, query_key_value",
    "GPT_NEOX, query_key_value",
    "GPT_2, c_attn"
  })
  void defaultTargetsAreThoseOfPeft(Architecture family, String names) {
    assertThat(LoraConfig.defaultTargets(family.spec()))
        .isEqualTo(TargetModules.of(names.split("\\+", -1)));
  }

  @Test
  void scalesByAlphaOverR() {
    assertThat(new LoraConfig(8, 16, 0, TARGETS).scaling()).isEqualTo(2);
    assertThat(new LoraConfig(3, 5, 0, TARGETS).scaling()).isEqualTo(5.0 / 3);
  }

  @Test
  void isOfKindLora() {
    assertThat(new LoraConfig(8, 16, 0, TARGETS).kind()).isEqualTo(AdapterKind.LORA);
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
