package org.llmadapters.training.report;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.llmadapters.conversion.files.AtomicFile;
import org.llmadapters.training.metrics.Series;

/** Draws a chart as a PNG file. */
final class PngChart {
  private PngChart() {}

  /** Writes {@code NAME.png} into {@code folder}. */
  static void write(Path folder, Chart chart) throws IOException {
    XYChart picture =
        new XYChartBuilder().width(900).height(500).title(chart.title()).xAxisTitle("step").build();
    picture.getStyler().setChartBackgroundColor(Color.WHITE);
    picture.getStyler().setLegendPosition(LegendPosition.InsideNE);
    picture.getStyler().setLegendVisible(chart.curves().size() > 1);
    picture.getStyler().setLocale(Locale.ROOT);
    for (Curve curve : chart.curves()) {
      Series series = curve.series();
      XYSeries line =
          picture.addSeries(
              curve.name(),
              series.steps().stream().asDoubleStream().toArray(),
              series.values().toArray());
      line.setLineColor(Color.decode(curve.color()));
      line.setLineStyle(new BasicStroke(1.5f));
      line.setMarker(series.size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
      line.setMarkerColor(Color.decode(curve.color()));
    }
    try (AtomicFile file = AtomicFile.create(folder.resolve(chart.name() + ".png"))) {
      Files.write(file.path(), png(picture));
      file.commit();
    }
  }

  /** In memory: ImageIO would go by way of a temporary file. */
  private static byte[] png(XYChart picture) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      ImageIO.write(BitmapEncoder.getBufferedImage(picture), "png", out);
    }
    return bytes.toByteArray();
  }
}
