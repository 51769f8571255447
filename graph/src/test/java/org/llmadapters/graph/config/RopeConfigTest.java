package org.llmadapters.graph.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Expected frequencies were computed with numpy in float64 by the formulas of transformers' {@code
 * modeling_rope_utils.py} and rounded to float32 once.
 */
final class RopeConfigTest {

  @Test
  void frequenciesFallFromOneToAlmostOneOverTheta() {
    assertThat(new RopeConfig(10000, 10, new RopeScaling.None()).inverseFrequencies())
        .containsExactly(1.0f, 0.15848932f, 0.025118865f, 0.0039810715f, 0.00063095737f);
  }

  @Test
  void linearScalingDividesEveryFrequency() {
    assertThat(new RopeConfig(10000, 10, new RopeScaling.Linear(2.5)).inverseFrequencies())
        .containsExactly(0.4f, 0.06339573f, 0.010047546f, 0.0015924287f, 0.00025238295f);
  }

  /** As in LLaMA 3.1: the fifth frequency alone lies between the two limits. */
  @Test
  void llama3ScalingKeepsShortWavesStretchesLongOnesAndInterpolatesBetween() {
    RopeConfig rope = new RopeConfig(500000, 16, new RopeScaling.Llama3(8, 1, 4, 8192));
    assertThat(rope.inverseFrequencies())
        .containsExactly(
            1.0f,
            0.19392274f,
            0.03760603f,
            0.0072926646f,
            0.00052484614f,
            3.4281024e-05f,
            6.6478697e-06f,
            1.2891732e-06f);
  }

  /** With a context of 16 tokens even the shortest wave is between the limits. */
  @Test
  void llama3ScalingInterpolatesTheFirstFrequencyOfAShortContext() {
    RopeConfig rope = new RopeConfig(500000, 16, new RopeScaling.Llama3(8, 1, 4, 16));
    assertThat(rope.inverseFrequencies())
        .containsExactly(
            0.5760564f,
            0.024240343f,
            0.004700754f,
            0.0009115831f,
            0.0001767767f,
            3.4281024e-05f,
            6.6478697e-06f,
            1.2891732e-06f);
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, 0, -10000, 1e15, Double.NaN, Double.POSITIVE_INFINITY})
  void rejectsThetaOutOfRange(double theta) {
    assertThatThrownBy(() -> new RopeConfig(theta, 8, new RopeScaling.None()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rope_theta must be in (1, 1e15), got " + theta);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -2, 5})
  void rejectsRotaryElementsThatAreNotPairs(int rotaryDim) {
    assertThatThrownBy(() -> new RopeConfig(10000, rotaryDim, new RopeScaling.None()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the number of rotary elements of a head must be even and at least 2, got "
                + rotaryDim);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.99, 0, -1, 1e6, Double.NaN})
  void rejectsAFactorThatDoesNotStretch(double factor) {
    String message = "rope_scaling factor must be in [1, 1e6), got " + factor;
    assertThatThrownBy(() -> new RopeScaling.Linear(factor))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
    assertThatThrownBy(() -> new RopeScaling.Llama3(factor, 1, 4, 8192))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @ParameterizedTest
  @CsvSource({"0, 4", "-1, 4", "4, 4", "4, 1", "1, 1e6", "NaN, 4", "1, NaN"})
  void rejectsLimitsInTheWrongOrder(double low, double high) {
    assertThatThrownBy(() -> new RopeScaling.Llama3(8, low, high, 8192))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "rope_scaling needs 0 < low_freq_factor < high_freq_factor, got "
                + low
                + " and "
                + high);
  }

  @Test
  void rejectsAContextWithoutTokens() {
    assertThatThrownBy(() -> new RopeScaling.Llama3(8, 1, 4, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("original_max_position_embeddings must be >= 1, got 0");
  }
}
