package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class LoraBiasTest {

  @ParameterizedTest
  @CsvSource({"none, NONE", "lora_only, LORA_ONLY", "all, ALL"})
  void isCalledAsInPeft(String name, LoraBias bias) {
    assertThat(LoraBias.of(name)).isEqualTo(bias);
    assertThat(bias.fileName()).isEqualTo(name);
  }

  @Test
  void rejectsOtherNames() {
    assertThatThrownBy(() -> LoraBias.of("ALL"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bias must be none, lora_only or all, got \"ALL\"");
  }

  @Test
  void noneIsTrainedByDefault() {
    assertThat(LoraVariant.PLAIN.bias()).isEqualTo(LoraBias.NONE);
    assertThat(LoraVariant.DORA.bias()).isEqualTo(LoraBias.NONE);
  }
}
