package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.arch.Architecture;

final class LoraConfigTest {
  private static final TargetModules TARGETS = TargetModules.of("q_proj");

  /** PEFT, {@code TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING}. */
  @ParameterizedTest
  @CsvSource({
    "LLAMA, q_proj+v_proj",
    "MISTRAL, q_proj+v_proj",
    "QWEN2, q_proj+v_proj",
    "QWEN3, q_proj+v_proj",
    "GEMMA, q_proj+v_proj",
    "OPT, q_proj+v_proj",
    "GPT_J, q_proj+v_proj",
    "GPT_NEO, q_proj+v_proj",
    "BLOOM, query_key_value",
    "GPT_NEOX, query_key_value",
    "GPT_2, c_attn"
  })
  void defaultTargetsAreThoseOfPeft(Architecture family, String names) {
    assertThat(LoraConfig.defaultTargets(family.spec()))
        .isEqualTo(TargetModules.of(names.split("\\+", -1)));
  }

  @Test
  void scalesByAlphaOverR() {
    assertThat(new LoraConfig(8, 16, 0, TARGETS).scalingOf("m.q_proj")).isEqualTo(2);
    assertThat(new LoraConfig(3, 5, 0, TARGETS).scalingOf("m.q_proj")).isEqualTo(5.0 / 3);
  }

  @Test
  void rankStabilizedScalesByAlphaOverTheRootOfR() {
    LoraConfig config =
        new LoraConfig(4, 6, true, 0, TARGETS, LoraPatterns.NONE, LoraVariant.PLAIN);
    assertThat(config.scalingOf("m.q_proj")).isEqualTo(3);
    assertThat(config.rankOf("m.q_proj")).isEqualTo(4);
  }

  @Test
  void aModuleTakesTheFirstPatternThatMatchesItsPathOrTheEndOfIt() {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    ranks.put("layers\\.1\\.q_proj", 2);
    ranks.put("q_proj", 3);
    ranks.put("(k|v)_proj", 5);
    ranks.put("^layers.0.o_proj", 6);
    LoraPatterns patterns = new LoraPatterns(ranks, Map.of("v_proj", 2.5));
    LoraConfig config = new LoraConfig(4, 8, false, 0, TARGETS, patterns, LoraVariant.PLAIN);
    assertThat(config.rankOf("model.layers.1.q_proj")).isEqualTo(2);
    assertThat(config.rankOf("model.layers.11.q_proj")).isEqualTo(3);
    assertThat(config.rankOf("q_proj")).isEqualTo(3);
    assertThat(config.rankOf("model.layers.0.k_proj")).isEqualTo(5);
    assertThat(config.rankOf("model.layers.0.o_proj")).isEqualTo(4);
    assertThat(config.rankOf("layers.0.o_proj")).isEqualTo(6);
    assertThat(config.rankOf("model.layers.0.qq_proj")).isEqualTo(4);
    assertThat(config.scalingOf("model.layers.0.v_proj")).isEqualTo(0.5);
    assertThat(config.scalingOf("model.layers.1.q_proj")).isEqualTo(4);
  }

  @Test
  void rejectsPatternsThatCannotBeUsed() {
    assertThatThrownBy(() -> new LoraPatterns(Map.of("q_proj", 0), Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rank_pattern, q_proj must be between 1 and 65536, got 0");
    assertThatThrownBy(() -> new LoraPatterns(Map.of(), Map.of("q_proj", -1.0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("alpha_pattern, q_proj must be in (0, 1e9), got -1.0");
    assertThatThrownBy(() -> new LoraPatterns(Map.of("(q_proj", 1), Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rank_pattern: \"(q_proj\" is not a regular expression: Unclosed group");
  }

  @Test
  void isOfKindLora() {
    assertThat(new LoraConfig(8, 16, 0, TARGETS).kind()).isEqualTo(AdapterKind.LORA);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 65537})
  void rejectsRanksOutOfRange(int r) {
    assertThatThrownBy(() -> new LoraConfig(r, 16, 0, TARGETS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("r must be between 1 and 65536, got " + r);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, 1e9, Double.NaN, Double.POSITIVE_INFINITY})
  void rejectsAlphaOutOfRange(double alpha) {
    assertThatThrownBy(() -> new LoraConfig(8, alpha, 0, TARGETS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("lora_alpha must be in (0, 1e9), got " + alpha);
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1, Double.NaN})
  void rejectsDropoutOutOfRange(double dropout) {
    assertThatThrownBy(() -> new LoraConfig(8, 16, dropout, TARGETS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("lora_dropout must be in [0, 1), got " + dropout);
  }

  @Test
  void listsAllValuesOutOfTheirRange() {
    assertThatThrownBy(() -> new LoraConfig(-1, 0, 2, TargetModules.of("q_proj")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "r must be between 1 and 65536, got -1; lora_alpha must be in (0, 1e9), got 0.0;"
                + " lora_dropout must be in [0, 1), got 2.0");
  }
}
