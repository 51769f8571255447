package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TrainedBiasTest {

  @ParameterizedTest
  @CsvSource({
    "none, LORA, NONE",
    "lora_only, LORA, ADAPTED",
    "all, LORA, ALL",
    "none, SERIES, NONE",
    "adapter_only, SERIES, ADAPTED",
    "adapter_only, PARALLEL, ADAPTED",
    "all, PARALLEL, ALL"
  })
  void isCalledAsInPeftAndLlmAdapters(String name, AdapterKind kind, TrainedBias bias) {
    assertThat(TrainedBias.of(name, kind)).isEqualTo(bias);
    assertThat(bias.fileName(kind)).isEqualTo(name);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "ALL | LORA | bias must be none, lora_only or all, got \"ALL\"",
        "adapter_only | LORA | bias must be none, lora_only or all, got \"adapter_only\"",
        "lora_only | PARALLEL | bias must be none, adapter_only or all, got \"lora_only\""
      })
  void rejectsOtherNames(String name, AdapterKind kind, String message) {
    assertThatThrownBy(() -> TrainedBias.of(name, kind))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void noneIsTrainedByDefault() {
    assertThat(LoraVariant.PLAIN.bias()).isEqualTo(TrainedBias.NONE);
    assertThat(LoraVariant.DORA.bias()).isEqualTo(TrainedBias.NONE);
  }
}
