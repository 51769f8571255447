package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

final class TargetModulesTest {
  private static final String Q = "model.layers.0.self_attn.q_proj";

  @Test
  void aNameMatchesTheEndOfAPathAfterADot() {
    assertThat(TargetModules.of("q_proj").matches(Q)).isTrue();
    assertThat(TargetModules.of("self_attn.q_proj").matches(Q)).isTrue();
    assertThat(TargetModules.of(Q).matches(Q)).isTrue();
    assertThat(TargetModules.of("lm_head").matches("lm_head")).isTrue();
    assertThat(TargetModules.of("k_proj", "q_proj").matches(Q)).isTrue();
  }

  @Test
  void aNameDoesNotMatchPartsOfNames() {
    assertThat(TargetModules.of("proj").matches(Q)).isFalse();
    assertThat(TargetModules.of("attn.q_proj").matches(Q)).isFalse();
    assertThat(TargetModules.of("self_attn").matches(Q)).isFalse();
    assertThat(TargetModules.of("q_pro.").matches(Q)).isFalse();
  }

  @Test
  void aRegularExpressionMustMatchTheWholePath() {
    assertThat(new TargetModules.Regex(".*\\.(q|v)_proj").matches(Q)).isTrue();
    assertThat(new TargetModules.Regex("q_proj").matches(Q)).isFalse();
    assertThat(new TargetModules.Regex("model\\.layers\\.1\\..*").matches(Q)).isFalse();
  }

  @Test
  void rejectsListsWithoutNames() {
    assertThatThrownBy(TargetModules::of)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("target_modules must be a list of module names, got []");
    assertThatThrownBy(() -> new TargetModules.Names(List.of("q_proj", " ")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("target_modules must be a list of module names, got [q_proj,  ]");
  }

  @Test
  void rejectsWhatIsNoRegularExpression() {
    assertThatThrownBy(() -> new TargetModules.Regex("(q_proj"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("target_modules is not a regular expression: Unclosed group");
  }
}
