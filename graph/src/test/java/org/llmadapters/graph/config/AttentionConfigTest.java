package org.llmadapters.graph.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

final class AttentionConfigTest {

  @Test
  void countsTheQueryHeadsThatShareAKey() {
    assertThat(new AttentionConfig(6, 2, 4).queryGroups()).isEqualTo(3);
    assertThat(new AttentionConfig(6, 6, 4).queryGroups()).isEqualTo(1);
  }

  @Test
  void listsEverySizeThatIsOutOfRange() {
    assertThatThrownBy(() -> new AttentionConfig(0, 1025, 4098))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "num_attention_heads must be between 1 and 1024, got 0;"
                + " num_key_value_heads must be between 1 and 1024, got 1025;"
                + " head_dim must be between 1 and 4096, got 4098");
  }

  @Test
  void rejectsKeyHeadsThatDoNotDivideTheQueryHeads() {
    assertThatThrownBy(() -> new AttentionConfig(6, 4, 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("num_attention_heads (6) must be a multiple of num_key_value_heads (4)");
  }

  @Test
  void rejectsMoreKeyHeadsThanQueryHeads() {
    assertThatThrownBy(() -> new AttentionConfig(2, 4, 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("num_attention_heads (2) must be a multiple of num_key_value_heads (4)");
  }

  @Test
  void everyLayerSeesAllUnlessWindowsSayOtherwise() {
    assertThat(new AttentionConfig(2, 2, 8).window(3)).isEqualTo(AttentionConfig.NO_WINDOW);
    assertThat(new AttentionConfig(2, 2, 8, List.of(0, 5)).window(1)).isEqualTo(5);
  }

  @Test
  void rejectsNegativeWindows() {
    assertThatThrownBy(() -> new AttentionConfig(2, 2, 8, List.of(4, -1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a sliding window must be >= 1, got -1");
  }
}
