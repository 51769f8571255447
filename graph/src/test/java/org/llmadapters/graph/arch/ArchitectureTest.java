package org.llmadapters.graph.arch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ArchitectureTest {

  @ParameterizedTest
  @EnumSource
  void isFoundByItsModelType(Architecture architecture) {
    assertThat(Architecture.of(architecture.modelType())).isEqualTo(architecture);
  }

  @Test
  void rejectsOtherFamiliesAndNamesThoseThereAre() {
    assertThatThrownBy(() -> Architecture.of("t5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "unsupported model_type \"t5\"; supported: llama, mistral, qwen2, qwen3, gemma, bloom, opt, gptj, gpt_neox, gpt_neo, gpt2");
  }
}
