package org.llmadapters.training.report;

import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableLongArray;
import org.llmadapters.training.metrics.Series;

/**
 * A line of a chart.
 *
 * @param name for the legend
 * @param color as {@code #rrggbb}
 * @param series its points
 */
record Curve(String name, String color, Series series) {
  /** More points than a picture has columns. */
  private static final int MOST_POINTS = 1200;

  /** Further than anything that is learnt from, and than the arithmetic of axes goes. */
  private static final double LARGEST = 1e100;

  /**
   * The same without values that are no numbers or beyond 1e100, and with few enough points to
   * draw: of each of equally long stretches its lowest and its highest value, so that a spike stays
   * visible.
   */
  Curve drawable() {
    int size = series.size();
    ImmutableLongArray.Builder steps = ImmutableLongArray.builder();
    ImmutableDoubleArray.Builder values = ImmutableDoubleArray.builder();
    int stretches = size <= MOST_POINTS ? size : MOST_POINTS / 2;
    for (int stretch = 0; stretch < stretches; stretch++) {
      int first = (int) ((long) size * stretch / stretches);
      int end = (int) ((long) size * (stretch + 1) / stretches);
      int lowest = -1;
      int highest = -1;
      for (int i = first; i < end; i++) {
        double value = series.values().get(i);
        if (Math.abs(value) <= LARGEST) {
          lowest = lowest < 0 || value < series.values().get(lowest) ? i : lowest;
          highest = highest < 0 || value > series.values().get(highest) ? i : highest;
        }
      }
      if (lowest >= 0) {
        int earlier = Math.min(lowest, highest);
        int later = Math.max(lowest, highest);
        steps.add(series.steps().get(earlier));
        values.add(series.values().get(earlier));
        if (later > earlier) {
          steps.add(series.steps().get(later));
          values.add(series.values().get(later));
        }
      }
    }
    return new Curve(name, color, new Series(steps.build(), values.build()));
  }

  /**
   * The exponential moving average, started without bias as TensorBoard does it: {@code s = 0.9 s +
   * 0.1 x}, shown as {@code s / (1 - 0.9^n)}. Values that are no numbers are passed over.
   */
  static Series smoothed(Series series) {
    double weight = 0.9;
    ImmutableLongArray.Builder steps = ImmutableLongArray.builder();
    ImmutableDoubleArray.Builder values = ImmutableDoubleArray.builder();
    double mean = 0;
    double bias = 1;
    for (int i = 0; i < series.size(); i++) {
      double value = series.values().get(i);
      if (Math.abs(value) <= LARGEST) {
        mean = weight * mean + (1 - weight) * value;
        bias *= weight;
        steps.add(series.steps().get(i));
        values.add(mean / (1 - bias));
      }
    }
    return new Series(steps.build(), values.build());
  }
}
