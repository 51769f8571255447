package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class AdapterKindTest {

  @ParameterizedTest
  @EnumSource
  void isFoundByItsNameOnTheCommandLine(AdapterKind kind) {
    assertThat(AdapterKind.ofCliName(kind.cliName())).isEqualTo(kind);
  }

  @Test
  void rejectsOtherNamesAndListsThoseThereAre() {
    assertThatThrownBy(() -> AdapterKind.ofCliName("LORA"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "unknown adapter \"LORA\"; known: lora, series, parallel, ia3, prefix, prompt,"
                + " p-tuning");
  }
}
