package org.llmadapters.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableLongArray;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.llmadapters.training.metrics.Series;

final class CurveTest {

  private static Series series(double... values) {
    return new Series(
        ImmutableLongArray.copyOf(LongStream.rangeClosed(1, values.length)),
        ImmutableDoubleArray.copyOf(values));
  }

  private static Series drawable(Series series) {
    return new Curve("loss", "#000000", series).drawable().series();
  }

  @Test
  void keepsShortCurvesWithoutWhatIsNoNumber() {
    assertThat(drawable(series(3, Double.NaN, 1, Double.POSITIVE_INFINITY, 2)))
        .isEqualTo(new Series(ImmutableLongArray.of(1, 3, 5), ImmutableDoubleArray.of(3, 1, 2)));
  }

  @Test
  void thinsLongCurvesAndKeepsTheirSpikes() {
    double[] values = new double[100_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = 2 + i * 1e-6;
    }
    values[54_321] = 90;
    values[54_322] = -90;
    Series thin = drawable(series(values));
    assertThat(thin.size()).isBetween(600, 1200);
    assertThat(thin.steps().get(0)).isEqualTo(1);
    assertThat(thin.steps().get(thin.size() - 1)).isEqualTo(100_000);
    assertThat(thin.steps().asList()).isSorted().doesNotHaveDuplicates().contains(54_322L, 54_323L);
    assertThat(thin.values().asList()).contains(90.0, -90.0);
  }

  /** With weights 0.9: 4, then (0.9 * 0.1 * 4 + 0.1 * 2) / (1 - 0.81). */
  @Test
  void smoothsWithoutBiasAtTheStart() {
    Series smoothed = Curve.smoothed(series(4, Double.NaN, 2));
    assertThat(smoothed.steps()).isEqualTo(ImmutableLongArray.of(1, 3));
    // Rounding of a handful of operations.
    assertThat(smoothed.values().get(0)).isCloseTo(4, within(1e-14));
    assertThat(smoothed.values().get(1)).isCloseTo(0.56 / 0.19, within(1e-14));
  }
}
