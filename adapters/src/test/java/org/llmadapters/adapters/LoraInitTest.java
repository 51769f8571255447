package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.LoraInit.Scheme;

final class LoraInitTest {

  @ParameterizedTest
  @CsvSource({
    "true, KAIMING, false",
    "false, RANDOM, false",
    "gaussian, GAUSSIAN, false",
    "orthogonal, ORTHOGONAL, false",
    "pissa, PISSA, true",
    "olora, OLORA, true"
  })
  void isCalledAsInPeft(String name, Scheme scheme, boolean takesFromBase) {
    LoraInit init = LoraInit.of(name);
    assertThat(init).isEqualTo(LoraInit.of(scheme));
    assertThat(init.fileName()).isEqualTo(name);
    assertThat(init.takesFromBase()).isEqualTo(takesFromBase);
    assertThat(LoraInit.of(name.toUpperCase(java.util.Locale.ROOT))).isEqualTo(init);
  }

  @Test
  void pissaHasANumberOfPowerIterations() {
    LoraInit init = LoraInit.of("pissa_niter_16");
    assertThat(init).isEqualTo(new LoraInit(Scheme.PISSA, OptionalInt.of(16)));
    assertThat(init.fileName()).isEqualTo("pissa_niter_16");
    assertThat(init.takesFromBase()).isTrue();
  }

  @Test
  void isThatOfPlainLoraByDefault() {
    assertThat(LoraInit.DEFAULT).isEqualTo(LoraInit.of("true"));
    assertThat(LoraVariant.PLAIN.init()).isEqualTo(LoraInit.DEFAULT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"loftq", "pissa_niter_", "pissa_niter_-1", "pissa_niter_1000", ""})
  void rejectsWhatItDoesNotKnow(String name) {
    assertThatThrownBy(() -> LoraInit.of(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "init_lora_weights must be true, false, gaussian, orthogonal, pissa, pissa_niter_N with"
                + " N up to 999, or olora, got "
                + name);
  }

  @Test
  void onlyPissaHasPowerIterations() {
    assertThatThrownBy(() -> new LoraInit(Scheme.OLORA, OptionalInt.of(2)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("only pissa has power iterations, got olora");
  }
}
