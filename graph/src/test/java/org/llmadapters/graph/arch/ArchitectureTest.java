package org.llmadapters.graph.arch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;

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

  /** {@code max_position_embeddings} is 64; ALiBi and dynamic scaling go on behind it. */
  @Test
  void onlyModelsThatStretchTakeAnyLength() {
    for (Architecture family : Architecture.values()) {
      assertThat(Architecture.maxPositions(config(family)))
          .as(family.modelType())
          .isEqualTo(family == Architecture.BLOOM ? OptionalInt.empty() : OptionalInt.of(64));
    }
    ModelConfig plain = config(Architecture.LLAMA);
    ModelConfig dynamic =
        new ModelConfig(
            plain.modelType(),
            plain.sizes(),
            plain.attention(),
            Optional.of(new RopeConfig(10000, 8, new RopeScaling.Dynamic(2, 64))),
            plain.activation(),
            plain.biases(),
            plain.residual(),
            plain.normEps(),
            plain.tieWordEmbeddings(),
            plain.tokenIds());
    assertThat(Architecture.maxPositions(dynamic)).isEmpty();
  }

  private static ModelConfig config(Architecture family) {
    OptionalInt none = OptionalInt.empty();
    return family
        .family()
        .config(
            new Sizes(17, 24, 20, 2, 64),
            new AttentionConfig(3, 3, 8),
            new TokenIds(none, List.of(), none));
  }
}
