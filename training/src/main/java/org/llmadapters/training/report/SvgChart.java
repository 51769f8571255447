package org.llmadapters.training.report;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleUnaryOperator;
import org.llmadapters.training.metrics.Series;

/** Draws a chart as an SVG element that stands in an HTML page. */
final class SvgChart {
  private static final int WIDTH = 560;
  private static final int HEIGHT = 260;
  private static final int LEFT = 70;
  private static final int RIGHT = 15;
  private static final int TOP = 30;
  private static final int BOTTOM = 30;

  private final StringBuilder svg = new StringBuilder();
  private final Range steps;
  private final Range values;

  private SvgChart(Chart chart) {
    List<Series> series = chart.curves().stream().map(Curve::series).toList();
    this.steps =
        Range.of(
            series.stream()
                .flatMapToDouble(one -> one.steps().stream().asDoubleStream())
                .toArray());
    this.values = Range.of(series.stream().flatMapToDouble(one -> one.values().stream()).toArray());
  }

  /** An axis from {@code low} to {@code high}, which differ. */
  private record Range(double low, double high) {
    static Range of(double[] values) {
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (double value : values) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      double margin = high > low ? 0 : Math.max(Math.abs(high) * 0.1, 1e-9);
      return new Range(low - margin, high + margin);
    }

    /** About five round numbers: multiples of 1, 2 or 5 times a power of ten. */
    List<Double> ticks() {
      double rough = (high - low) / 5;
      double power = Math.pow(10, Math.floor(Math.log10(rough)));
      double digit = rough / power;
      double distance = (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10) * power;
      List<Double> ticks = new ArrayList<>();
      for (double tick = Math.ceil(low / distance);
          tick <= high / distance && ticks.size() < 10;
          tick++) {
        ticks.add(tick * distance);
      }
      return ticks;
    }

    double fraction(double value) {
      return (value - low) / (high - low);
    }
  }

  /** The element. */
  static String draw(Chart chart) {
    return new SvgChart(chart).draw(chart.title(), chart.curves());
  }

  private String draw(String title, List<Curve> curves) {
    add(
        "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" font-size=\"12\">%n",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    add("<title>%s</title>%n", Html.escaped(title));
    DoubleUnaryOperator x = step -> LEFT + steps.fraction(step) * (WIDTH - LEFT - RIGHT);
    DoubleUnaryOperator y =
        value -> HEIGHT - BOTTOM - values.fraction(value) * (HEIGHT - TOP - BOTTOM);
    for (double tick : values.ticks()) {
      double height = y.applyAsDouble(tick);
      add(
          "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>%n",
          LEFT, height, WIDTH - RIGHT, LEFT - 6, height + 4, number(tick));
    }
    for (double tick : steps.ticks()) {
      if (tick == Math.rint(tick)) {
        add(
            "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>%n",
            x.applyAsDouble(tick), HEIGHT - 10, number(tick));
      }
    }
    int legend = LEFT;
    for (Curve curve : curves) {
      add(
          "<text x=\"%d\" y=\"18\" fill=\"%s\" font-weight=\"bold\">%s</text>%n",
          legend, curve.color(), Html.escaped(curve.name()));
      legend += 30 + 7 * curve.name().length();
      line(curve, x, y);
    }
    return svg.append("</svg>\n").toString();
  }

  private void line(Curve curve, DoubleUnaryOperator x, DoubleUnaryOperator y) {
    Series series = curve.series();
    if (series.size() == 1) {
      add(
          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>%n",
          x.applyAsDouble((double) series.steps().get(0)),
          y.applyAsDouble(series.values().get(0)),
          curve.color());
      return;
    }
    svg.append("<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"");
    svg.append(curve.color()).append("\" points=\"");
    for (int i = 0; i < series.size(); i++) {
      add(
          "%s%.1f,%.1f",
          i == 0 ? "" : " ",
          x.applyAsDouble((double) series.steps().get(i)),
          y.applyAsDouble(series.values().get(i)));
    }
    svg.append("\"/>\n");
  }

  private void add(String format, Object... arguments) {
    svg.append(String.format(Locale.ROOT, format, arguments));
  }

  /** Short, without the noise of binary fractions: 0.3 and not 0.30000000000000004. */
  private static String number(double value) {
    if (value == 0) {
      return "0";
    }
    double size = Math.abs(value);
    if (size >= 1e-3 && size < 1e7) {
      return new BigDecimal(String.format(Locale.ROOT, "%.6g", value))
          .stripTrailingZeros()
          .toPlainString();
    }
    return String.format(Locale.ROOT, "%.1e", value);
  }
}
