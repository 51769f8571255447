package org.llmadapters.training.report;

import java.util.List;
import java.util.stream.Stream;
import org.llmadapters.training.metrics.MetricsHistory;
import org.llmadapters.training.metrics.Series;

/**
 * Curves over the steps of a run that share one axis.
 *
 * @param name as a file
 * @param title with the unit
 * @param curves at least one, drawn in this order
 */
record Chart(String name, String title, List<Curve> curves) {
  private static final String PALE = "#b8cbe6";
  private static final String BLUE = "#1f5fae";
  private static final String ORANGE = "#d95f02";

  /** The values of {@code metrics.jsonl} that are drawn. */
  static final List<String> VALUES =
      List.of("loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second", "rss_mib");

  Chart {
    curves = List.copyOf(curves);
  }

  /** A chart for each of the values that were measured. */
  static List<Chart> of(MetricsHistory history) {
    Series loss = history.of("loss");
    return Stream.of(
            new Chart(
                "loss",
                "loss, nats per token",
                Stream.of(
                        new Curve("loss", PALE, loss),
                        new Curve("smoothed", BLUE, Curve.smoothed(loss)),
                        new Curve("eval loss", ORANGE, history.of("eval_loss")))
                    .map(Curve::drawable)
                    .filter(curve -> curve.series().size() > 0)
                    .toList()),
            single(history, "learning_rate", "learning rate"),
            single(history, "grad_norm", "gradient norm before clipping"),
            single(history, "tokens_per_second", "tokens per second"),
            single(history, "rss_mib", "resident memory, MiB"))
        .filter(chart -> !chart.curves().isEmpty())
        .toList();
  }

  private static Chart single(MetricsHistory history, String name, String title) {
    Curve curve = new Curve(title, BLUE, history.of(name)).drawable();
    return new Chart(name, title, curve.series().size() > 0 ? List.of(curve) : List.of());
  }
}
