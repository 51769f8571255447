package org.llmadapters.conversion.combine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Vectors small enough to merge by hand. */
final class TaskArithmeticTest {
  private static final float[] A = {4, -1, 3, 0.5f, -2, 1};
  private static final float[] B = {-3, -5, 0.25f, 2, -4, 6};

  private static float[] merge(
      String type, double density, MajoritySign sign, List<float[]> arrays, Double... weights) {
    CombinationConfig config =
        new CombinationConfig(
            CombinationType.of(type), Optional.of(density), sign, Optional.empty(), 42);
    return new TaskArithmetic(config, new SplittableRandom(42)).merge(arrays, List.of(weights));
  }

  @Test
  void addsWithWeights() {
    CombinationConfig linear =
        new CombinationConfig(
            CombinationType.LINEAR, Optional.empty(), MajoritySign.TOTAL, Optional.empty(), 42);
    assertThat(
            new TaskArithmetic(linear, new SplittableRandom(42))
                .merge(List.of(A, B), List.of(2.0, -0.5)))
        .containsExactly(9.5f, 0.5f, 5.875f, 0, -2, -1);
  }

  /** 0.67 of 6 elements are 4: of A the 4, 3, -2 and the first of -1 and 1; of B 6, -5, -4, -3. */
  @Test
  void keepsTheLargestElements() {
    assertThat(merge("magnitude_prune", 0.67, MajoritySign.TOTAL, List.of(A, B), 2.0, 0.5))
        .containsExactly(6.5f, -4.5f, 6, 0, -6, 3);
  }

  @ParameterizedTest
  @CsvSource({"1, 6", "0.99, 5", "0.5, 3", "0.34, 2", "0.33, 1", "0.1, 0"})
  void roundsTheNumberOfKeptElementsDown(double density, int kept) {
    float[] merged = merge("magnitude_prune", density, MajoritySign.TOTAL, List.of(B), 1.0);
    int count = 0;
    for (float value : merged) {
      count += value == 0 ? 0 : 1;
    }
    assertThat(count).isEqualTo(kept);
  }

  @Test
  void keepsTheFirstOfEqualElements() {
    float[] equal = {1, 2, -1, 1, -1};
    assertThat(merge("magnitude_prune", 0.6, MajoritySign.TOTAL, List.of(equal), 1.0))
        .containsExactly(1, 2, -1, 0, 0);
  }

  /**
   * What is left is [4, -1, 3, 0, -2, 0] and [-3, -5, 0, 0, -4, 6]: the first element goes to A by
   * 4 - 3 > 0, the second and the fifth have both the same sign and are averaged, and zeros do not
   * count for a mean.
   */
  @Test
  void tiesTrimsElectsAndAverages() {
    assertThat(merge("ties", 0.67, MajoritySign.TOTAL, List.of(A, B), 2.0, 0.5))
        .containsExactly(8, -2.25f, 6, 0, -3, 3);
  }

  /** Of 5, -1 and -2 the sum is positive, but most are negative. */
  @ParameterizedTest
  @CsvSource({"total, 10", "frequency, -6.5"})
  void electsTheSignByTheSumOrByTheCount(String method, float expected) {
    List<float[]> arrays = List.of(new float[] {5}, new float[] {-1}, new float[] {-2});
    assertThat(merge("ties", 1, MajoritySign.of(method), arrays, 2.0, 3.0, 5.0))
        .containsExactly(expected);
  }

  @Test
  void aTieOfSignsGoesToPlus() {
    List<float[]> arrays = List.of(new float[] {1, 3}, new float[] {-1, -9});
    assertThat(merge("ties", 1, MajoritySign.FREQUENCY, arrays, 1.0, 1.0)).containsExactly(1, 3);
    assertThat(merge("ties", 1, MajoritySign.TOTAL, arrays, 1.0, 1.0)).containsExactly(1, -9);
  }

  /** Signs are elected before the weights, so that a negative one only turns what is merged. */
  @Test
  void tiesElectsBeforeItWeighs() {
    List<float[]> arrays = List.of(new float[] {2}, new float[] {-3}, new float[] {4});
    assertThat(merge("ties", 1, MajoritySign.TOTAL, arrays, -1.0, 100.0, 0.5)).containsExactly(0);
    assertThat(merge("ties", 1, MajoritySign.TOTAL, arrays, -1.0, 100.0, 0.25))
        .containsExactly(-0.5f);
  }

  @Test
  void dareDropsAtRandomAndEnlargesTheRest() {
    int size = 20_000;
    float[] ones = new float[size];
    Arrays.fill(ones, 1);
    float[] merged = merge("dare_linear", 0.25, MajoritySign.TOTAL, List.of(ones), 3.0);
    int kept = 0;
    for (float value : merged) {
      assertThat(value).isIn(0f, 12f);
      kept += value == 0 ? 0 : 1;
    }
    // Four standard deviations, sqrt(20000 * 0.25 * 0.75) each.
    assertThat(kept).isBetween(5000 - 245, 5000 + 245);
  }

  @Test
  void dareDrawsForEveryArray() {
    float[] ones = new float[100];
    Arrays.fill(ones, 1);
    float[] merged = merge("dare_linear", 0.5, MajoritySign.TOTAL, List.of(ones, ones), 1.0, 10.0);
    List<Float> found = new ArrayList<>();
    for (float value : merged) {
      found.add(value);
    }
    assertThat(found).contains(0f, 2f, 20f, 22f).doesNotContain(1f);
  }

  @Test
  void dareTiesElectsAmongWhatIsLeft() {
    SplittableRandom same = new SplittableRandom(42);
    float[][] kept = new float[2][6];
    for (int n = 0; n < 2; n++) {
      for (int i = 0; i < 6; i++) {
        kept[n][i] = same.nextDouble() < 0.5 ? (n == 0 ? A : B)[i] / 0.5f : 0;
      }
    }
    float[] expected = new float[6];
    for (int i = 0; i < 6; i++) {
      float sign = kept[0][i] + kept[1][i] >= 0 ? 1 : -1;
      float a = kept[0][i] * sign > 0 ? 2 * kept[0][i] : 0;
      float b = kept[1][i] * sign > 0 ? 3 * kept[1][i] : 0;
      expected[i] = a != 0 && b != 0 ? (a + b) / 2 : a + b;
    }
    assertThat(merge("dare_ties", 0.5, MajoritySign.TOTAL, List.of(A, B), 2.0, 3.0))
        .containsExactly(expected);
  }

  @ParameterizedTest
  @CsvSource({"dare_linear", "magnitude_prune"})
  void densityOneDropsNothing(String type) {
    assertThat(merge(type, 1, MajoritySign.TOTAL, List.of(A, B), 1.0, 1.0))
        .containsExactly(1, -6, 3.25f, 2.5f, -6, 7);
  }
}
