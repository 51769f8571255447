package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
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

  private static final String LAST = "model.layers.11.self_attn.q_proj";

  @Test
  void allLinearIsWhatStandsInABlock() {
    TargetModules all = new TargetModules.AllLinear();
    assertThat(all.matches(Q)).isTrue();
    assertThat(all.matches("transformer.h.3.mlp.c_fc")).isTrue();
    assertThat(all.matches("lm_head")).isFalse();
    assertThat(all.matches("embed_out")).isFalse();
    assertThat(all.unmatched(List.of("lm_head"))).containsExactly("all-linear");
    assertThat(all.unmatched(List.of("lm_head", Q))).isEmpty();
  }

  @Test
  void aChoiceOfLayersIsByTheirNumber() {
    TargetModules targets =
        TargetModules.restricted(
            TargetModules.of("q_proj", "lm_head"), List.of(0, 2), List.of(), Optional.empty());
    assertThat(targets.matches(Q)).isTrue();
    assertThat(targets.matches("model.layers.1.self_attn.q_proj")).isFalse();
    assertThat(targets.matches("model.layers.2.self_attn.q_proj")).isTrue();
    assertThat(targets.matches("model.layers.20.self_attn.q_proj")).isFalse();
    assertThat(targets.matches("model.layers.0.self_attn.k_proj")).isFalse();
    assertThat(targets.matches("lm_head")).as("named by its whole path").isTrue();
    assertThat(targets.unmatched(List.of(Q, LAST)))
        .containsExactly("lm_head", "layers_to_transform 2");
    assertThat(targets.unmatched(List.of(Q, "model.layers.2.q_proj", "lm_head"))).isEmpty();
  }

  @Test
  void layersPatternSaysWhatStandsBeforeTheNumber() {
    TargetModules targets =
        TargetModules.restricted(
            TargetModules.of("q_proj"), List.of(11), List.of("blocks", "layers"), Optional.empty());
    assertThat(targets.matches(LAST)).isTrue();
    assertThat(targets.matches("model.blocks.11.q_proj")).isTrue();
    assertThat(targets.matches("model.h.11.q_proj")).isFalse();
    assertThat(targets.matches(Q)).isFalse();
  }

  @Test
  void excludedModulesAreNoTargets() {
    TargetModules targets =
        TargetModules.restricted(
            new TargetModules.AllLinear(),
            List.of(),
            List.of(),
            Optional.of(TargetModules.of("k_proj", "down_proj")));
    assertThat(targets.matches(Q)).isTrue();
    assertThat(targets.matches("model.layers.0.mlp.down_proj")).isFalse();
    assertThat(targets.unmatched(List.of("model.layers.0.mlp.down_proj")))
        .containsExactly("anything but exclude_modules");
  }

  @Test
  void rejectsChoicesOfLayersThatCannotBeUsed() {
    TargetModules names = TargetModules.of("q_proj");
    assertThatThrownBy(
            () ->
                TargetModules.restricted(
                    new TargetModules.AllLinear(), List.of(1), List.of(), Optional.empty()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "layers_to_transform needs target_modules that is a list of names; choose the layers in"
                + " the regular expression");
    assertThatThrownBy(
            () -> TargetModules.restricted(names, List.of(), List.of("layers"), Optional.empty()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("layers_pattern is [layers] without layers_to_transform");
    assertThatThrownBy(
            () -> TargetModules.restricted(names, List.of(-1), List.of(), Optional.empty()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "layers_to_transform must be a list of layers, the first of which is 0, got [-1]");
    assertThatThrownBy(
            () -> TargetModules.restricted(names, List.of(1), List.of("("), Optional.empty()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("layers_pattern: \"(\" is not a regular expression: ");
  }
}
