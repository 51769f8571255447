package org.llmadapters.training.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;

final class LearningRatesTest {
  private static final Weight A = weight("adapters.default.model.layers.1.q_proj.lora_A.weight");
  private static final Weight B = weight("adapters.default.model.layers.1.q_proj.lora_B.weight");
  private static final Weight TENTH =
      weight("adapters.default.model.layers.10.q_proj.lora_B.weight");
  private static final Weight EMBEDDING = weight("model.embed_tokens.weight");
  private static final List<Weight> ALL = List.of(A, B, TENTH, EMBEDDING);

  private static Weight weight(String name) {
    return new Weight(name, WeightDtype.FLOAT32, List.of(4L, 5L));
  }

  /** Pairs of pattern and multiple, in order. */
  private static LearningRates rates(FactorRates factors, Object... pairs) {
    Map<String, Double> multiples = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      multiples.put((String) pairs[i], (Double) pairs[i + 1]);
    }
    return new LearningRates(factors, multiples);
  }

  private static List<Double> of(LearningRates rates) {
    return ALL.stream().map(rates::of).toList();
  }

  @Test
  void equalRatesAreAllOne() {
    assertThat(of(LearningRates.EQUAL)).containsOnly(1.0);
  }

  @Test
  void aPatternMatchesWholePartsOfANameAnywhere() {
    assertThat(of(rates(FactorRates.EQUAL, "lora_B", 16.0))).containsExactly(1.0, 16.0, 16.0, 1.0);
    assertThat(of(rates(FactorRates.EQUAL, "layers.1", 2.0))).containsExactly(2.0, 2.0, 1.0, 1.0);
    assertThat(of(rates(FactorRates.EQUAL, "embed_.*", 0.1))).containsExactly(1.0, 1.0, 1.0, 0.1);
    assertThat(of(rates(FactorRates.EQUAL, "embed", 0.1))).containsOnly(1.0);
    assertThat(of(rates(FactorRates.EQUAL, EMBEDDING.name(), 0.1)))
        .containsExactly(1.0, 1.0, 1.0, 0.1);
  }

  @Test
  void theFirstPatternThatMatchesWins() {
    assertThat(of(rates(FactorRates.EQUAL, "layers.1", 2.0, "lora_B", 3.0)))
        .containsExactly(2.0, 2.0, 3.0, 1.0);
    assertThat(of(rates(FactorRates.EQUAL, "lora_B", 3.0, "layers.1", 2.0)))
        .containsExactly(2.0, 3.0, 3.0, 1.0);
  }

  @Test
  void aPatternWinsOverLoraPlus() {
    assertThat(of(rates(new FactorRates(16, false), "layers.10", 0.5)))
        .containsExactly(1.0, 16.0, 0.5, 1.0);
  }

  @Test
  void everyPatternMustMatchAVariable() {
    assertThatCode(() -> LearningRates.EQUAL.requireMatches(ALL)).doesNotThrowAnyException();
    assertThatCode(
            () -> rates(FactorRates.EQUAL, "lora_A|lora_B", 2.0, "weight", 3.0).requireMatches(ALL))
        .doesNotThrowAnyException();
    assertThatThrownBy(
            () ->
                rates(FactorRates.EQUAL, "lora_C", 2.0, "lora_B", 3.0, "encoder", 4.0)
                    .requireMatches(ALL))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "--learning-rate-of: no trained variable matches \"lora_C\" (nearest: lora_A),"
                + " \"encoder\"; give parts of names such as "
                + A.name());
  }

  @Test
  void rejectsAllThatIsWrongAtOnce() {
    assertThatThrownBy(() -> rates(FactorRates.EQUAL, "a", 0.0, "b", 1.0, "(", 2.0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "--learning-rate-of: a must be in (0, 1e6), got 0.0; \"(\" is not a regular expression:"
                + " Unclosed group");
  }
}
