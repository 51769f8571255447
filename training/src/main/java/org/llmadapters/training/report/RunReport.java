package org.llmadapters.training.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.AWTError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.llmadapters.conversion.files.AtomicFile;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.metrics.MetricsHistory;
import org.llmadapters.training.metrics.MetricsWriter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A run for people, made of the files in its folder: {@code report.html}, one page that needs no
 * other file and no network, and {@code curves/}, the same curves as PNG pictures.
 */
public final class RunReport {
  private static final Logger log = LoggerFactory.getLogger(RunReport.class);

  /** The page. */
  public static final String NAME = "report.html";

  /** The folder with the pictures. */
  public static final String CURVES = "curves";

  /** How the run ended; missing while it has not. */
  public static final String SUMMARY = "summary.json";

  /** Sections of names and values. */
  public static final String ABOUT = "about.json";

  private static final String OPTIONS = "run.json";

  private RunReport() {}

  /**
   * Writes the report of the run in {@code folder}, which may have ended in any way or not at all.
   *
   * @throws FormatException if it holds no run, or a file of it is malformed
   */
  public static void write(Path folder) throws IOException {
    if (!Files.exists(folder.resolve(OPTIONS))) {
      throw new FormatException(
          folder, "has no %s, so no training run wrote it; name the --output of train", OPTIONS);
    }
    MetricsHistory history = MetricsHistory.read(folder.resolve(MetricsWriter.NAME), Chart.VALUES);
    List<Chart> charts = Chart.of(history);
    try (AtomicFile page = AtomicFile.create(folder.resolve(NAME))) {
      Files.writeString(page.path(), page(folder, history, charts));
      page.commit();
    }
    Files.createDirectories(folder.resolve(CURVES));
    try {
      for (Chart chart : charts) {
        PngChart.write(folder.resolve(CURVES), chart);
      }
    } catch (LinkageError | InternalError | AWTError e) {
      // Java without its graphics libraries, or a system without fonts.
      log.warn("no pictures in {}, Java cannot draw here ({}); {} has all curves", CURVES, e, NAME);
    }
  }

  private static String page(Path folder, MetricsHistory history, List<Chart> charts)
      throws IOException {
    StringBuilder body = new StringBuilder();
    body.append("<h1>").append(Html.escaped(name(folder))).append("</h1>\n");
    if (Files.exists(folder.resolve(SUMMARY))) {
      table(body, "Summary", Json.readObject(folder.resolve(SUMMARY)));
    } else {
      body.append("<p>The run has not ended, or was killed: there is no ")
          .append(SUMMARY)
          .append(".</p>\n");
    }
    body.append("<h2>Curves</h2>\n<div class=\"charts\">\n");
    charts.forEach(chart -> body.append(SvgChart.draw(chart)));
    body.append("</div>\n");
    long lost = history.of("loss").values().stream().filter(loss -> !Double.isFinite(loss)).count();
    if (charts.isEmpty()) {
      body.append("<p>No step is done.</p>\n");
    }
    if (lost > 0) {
      body.append("<p class=\"bad\">Losses that are no number, and not drawn: ")
          .append(lost)
          .append(".</p>\n");
    }
    if (Files.exists(folder.resolve(ABOUT))) {
      for (Map.Entry<String, JsonNode> section :
          Json.readObject(folder.resolve(ABOUT)).properties()) {
        table(body, section.getKey(), section.getValue());
      }
    }
    table(body, "Options", Json.readObject(folder.resolve(OPTIONS)));
    return PAGE.replace("{title}", Html.escaped(name(folder))).replace("{body}", body);
  }

  private static String name(Path folder) {
    return "Run " + folder.toAbsolutePath().normalize().getFileName();
  }

  private static void table(StringBuilder body, String title, JsonNode values) {
    body.append("<h2>").append(Html.escaped(title)).append("</h2>\n<table>\n");
    values
        .properties()
        .forEach(
            value ->
                body.append("<tr><th>")
                    .append(Html.escaped(value.getKey()))
                    .append("</th><td>")
                    .append(
                        Html.escaped(
                            value.getValue().isValueNode()
                                ? value.getValue().asText()
                                : value.getValue().toString()))
                    .append("</td></tr>\n"));
    body.append("</table>\n");
  }

  private static final String PAGE =
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <title>{title}</title>
      <style>
      body { font-family: sans-serif; margin: 2em; color: #222; background: #fff; }
      h2::first-letter { text-transform: uppercase; }
      table { border-collapse: collapse; }
      th, td { padding: 0.2em 1em 0.2em 0; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
      th { font-weight: normal; color: #666; }
      td { overflow-wrap: anywhere; }
      .charts { display: flex; flex-wrap: wrap; gap: 1em; }
      .bad { color: #b00020; }
      </style>
      </head>
      <body>
      {body}</body>
      </html>
      """;
}
