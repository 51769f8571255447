package org.llmadapters.conversion.combine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CombinationConfigTest {

  private static CombinationConfig config(String type, Optional<Double> density, Integer... rank) {
    return new CombinationConfig(
        CombinationType.of(type), density, MajoritySign.TOTAL, Arrays.stream(rank).findFirst(), 42);
  }

  @Test
  void hasAllTypesOfPeft() {
    assertThat(Arrays.stream(CombinationType.values()).map(CombinationType::peftName))
        .containsExactlyInAnyOrder(
            "svd",
            "linear",
            "cat",
            "ties",
            "ties_svd",
            "dare_ties",
            "dare_linear",
            "dare_ties_svd",
            "dare_linear_svd",
            "magnitude_prune",
            "magnitude_prune_svd");
  }

  @Test
  void namesTheNearestType() {
    String known =
        "; known: linear, cat, svd, ties, ties_svd, dare_linear, dare_linear_svd, dare_ties,"
            + " dare_ties_svd, magnitude_prune, magnitude_prune_svd";
    assertThatThrownBy(() -> CombinationType.of("dare-tie"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("unknown combination type \"dare-tie\"; nearest: dare_ties" + known);
    assertThatThrownBy(() -> CombinationType.of("slerp"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("unknown combination type \"slerp\"" + known);
  }

  @Test
  void namesTheMethodsOfElection() {
    assertThat(MajoritySign.of("frequency")).isEqualTo(MajoritySign.FREQUENCY);
    assertThatThrownBy(() -> MajoritySign.of("mean"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("majority_sign_method must be total or frequency, got mean");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -0.5, 1.5, Double.NaN})
  void rejectsDensitiesThatAreNoFraction(double density) {
    assertThatThrownBy(() -> config("ties", Optional.of(density)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("density must be in (0, 1], got " + density);
  }

  @Test
  void rejectsOptionsWithoutEffectAndMissesOthers() {
    assertThatThrownBy(() -> config("cat", Optional.of(2.0), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "density has no effect with cat, which keeps all elements; density must be in (0, 1],"
                + " got 2.0; svd_rank has no effect with cat, only with the svd types; svd_rank"
                + " must be between 1 and 65536, got 0");
    assertThatThrownBy(() -> config("dare_linear_svd", Optional.empty(), 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("dare_linear_svd needs a density, the fraction of elements to keep");
  }

  @ParameterizedTest
  @CsvSource({"runs/math=0.7, runs/math, 0.7", "a=b=-2, a=b, -2", "m=1e-3, m, 0.001"})
  void readsAnAdapterAndItsWeight(String text, Path path, double weight) {
    assertThat(WeightedAdapter.parse(text)).isEqualTo(new WeightedAdapter(path, weight));
  }

  @ParameterizedTest
  @CsvSource({
    "math, '\"math\" is not DIR=WEIGHT, such as math=0.7'",
    "=1, '\"=1\" is not DIR=WEIGHT, such as math=0.7'",
    "math=, '\"math=\" is not DIR=WEIGHT, such as math=0.7: \"\" is no number'",
    "math=x, '\"math=x\" is not DIR=WEIGHT, such as math=0.7: \"x\" is no number'",
    "math=NaN, 'math: its weight must be a finite number, got NaN'",
    "math=-Infinity, 'math: its weight must be a finite number, got -Infinity'"
  })
  void rejectsOtherWeights(String text, String message) {
    assertThatThrownBy(() -> WeightedAdapter.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
