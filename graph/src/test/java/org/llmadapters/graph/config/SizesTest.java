package org.llmadapters.graph.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class SizesTest {

  @Test
  void takesTheSmallestAndTheLargestSizes() {
    assertThat(new Sizes(1, 1, 1, 1, 1).hiddenSize()).isEqualTo(1);
    assertThat(new Sizes(1 << 24, 1 << 17, 1 << 19, 1024, 1 << 26).vocabSize()).isEqualTo(1 << 24);
  }

  @Test
  void listsEverySizeThatIsTooSmall() {
    assertThatThrownBy(() -> new Sizes(0, -1, 0, -2, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "vocab_size must be between 1 and 16777216, got 0;"
                + " hidden_size must be between 1 and 131072, got -1;"
                + " intermediate_size must be between 1 and 524288, got 0;"
                + " num_hidden_layers must be between 1 and 1024, got -2;"
                + " max_position_embeddings must be between 1 and 67108864, got 0");
  }

  @Test
  void listsEverySizeThatIsTooLarge() {
    assertThatThrownBy(
            () -> new Sizes((1 << 24) + 1, (1 << 17) + 1, (1 << 19) + 1, 1025, (1 << 26) + 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "vocab_size must be between 1 and 16777216, got 16777217;"
                + " hidden_size must be between 1 and 131072, got 131073;"
                + " intermediate_size must be between 1 and 524288, got 524289;"
                + " num_hidden_layers must be between 1 and 1024, got 1025;"
                + " max_position_embeddings must be between 1 and 67108864, got 67108865");
  }

  @Test
  void listsOnlyWhatIsWrong() {
    assertThatThrownBy(() -> new Sizes(17, 12, 0, 2, 64))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("intermediate_size must be between 1 and 524288, got 0");
  }
}
