package org.llmadapters.conversion.combine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TruncatedSvdTest {
  private static final double TOLERANCE = 1e-5;

  private static float[] random(int size) {
    Random random = new Random(3);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static void assertClose(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i]).as("element %d", i).isCloseTo(expected[i], within((float) TOLERANCE));
    }
  }

  /** The matrix is 5 u v^T - 2 x y^T with orthonormal u, x and v, y. */
  @Test
  void keepsTheLargestSingularValues() {
    float[] matrix = {3, 0, 4, 0, 2, 0};
    Factors factors = TruncatedSvd.ofMatrix(matrix, 2, 3, 1);
    assertThat(factors.r()).isEqualTo(1);
    assertClose(factors.product(1), new float[] {3, 0, 4, 0, 0, 0});
  }

  @ParameterizedTest
  @CsvSource({"5, 3", "3, 5", "4, 4", "1, 4"})
  void factorsGiveTheMatrixAtFullRank(int out, int in) {
    float[] matrix = random(out * in);
    assertClose(TruncatedSvd.ofMatrix(matrix, out, in, Math.min(out, in)).product(1), matrix);
  }

  /** As PEFT splits U S V^T: the rows of A are orthonormal, and B has the singular values. */
  @Test
  void rowsOfAAreOrthonormal() {
    Factors factors = TruncatedSvd.ofMatrix(random(15), 5, 3, 3);
    for (int k = 0; k < 3; k++) {
      for (int m = 0; m < 3; m++) {
        double dot = 0;
        for (int i = 0; i < 3; i++) {
          dot += factors.loraA()[k * 3 + i] * factors.loraA()[m * 3 + i];
        }
        assertThat(dot).isCloseTo(k == m ? 1 : 0, within(TOLERANCE));
      }
    }
  }

  /** The inner size is below, between and above the outer ones. */
  @ParameterizedTest
  @CsvSource({"2, 1", "2, 2", "4, 2", "7, 3"})
  void aProductIsCutOffAsItsMatrix(int inner, int rank) {
    float[] values = random(inner * 8);
    Factors product =
        new Factors(
            Arrays.copyOfRange(values, 0, inner * 3),
            Arrays.copyOfRange(values, inner * 3, inner * 8),
            inner);
    assertClose(
        TruncatedSvd.ofProduct(product, rank).product(1),
        TruncatedSvd.ofMatrix(product.product(1), 5, 3, rank).product(1));
  }

  @Test
  void zerosFillARankThatTheMatrixCannotHave() {
    float[] matrix = random(6);
    Factors factors = TruncatedSvd.ofMatrix(matrix, 2, 3, 4);
    assertThat(factors.loraA()).hasSize(12).endsWith(0, 0, 0, 0, 0, 0);
    assertThat(factors.loraB()).hasSize(8);
    assertClose(factors.product(1), matrix);
    Factors product = new Factors(new float[] {1, 2, 3}, new float[] {4, 5}, 1);
    assertClose(TruncatedSvd.ofProduct(product, 3).product(1), new float[] {4, 8, 12, 5, 10, 15});
  }
}
