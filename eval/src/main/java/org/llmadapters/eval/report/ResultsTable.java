package org.llmadapters.eval.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.llmadapters.eval.task.Score;

/**
 * Results as text, a row for each task and a column for each adapter:
 *
 * <pre>
 *   task                  base             lora
 *   AQuA                  20.5 (16.0-25.9) 39.4 (33.6-45.5)
 *   AQuA, corrected rule  20.1 (15.6-25.4) 35.4 (29.8-41.5)
 *   gsm8k                  4.2 (3.3-5.5)   37.1 (34.5-39.7)
 *   average               12.4             38.3
 * </pre>
 *
 * Percent of right answers, the Wilson 95 % interval in parentheses. The average leaves out the
 * corrected rules. Where choices were scored, rows {@code length-normalized} say how many were
 * right by likelihoods divided by lengths.
 *
 * @param header one text for each column
 * @param rows as many texts each
 * @param notes lines to stand below
 */
public record ResultsTable(List<String> header, List<List<String>> rows, List<String> notes) {
  public ResultsTable {
    header = List.copyOf(header);
    rows = List.copyOf(rows);
    notes = List.copyOf(notes);
  }

  /** The table of {@code results}. */
  public static ResultsTable of(Results results) {
    List<String> adapters = results.adapters();
    List<List<String>> rows = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    notes.add("Percent of right answers, with the Wilson 95 % interval.");
    for (String task : results.tasks()) {
      List<Optional<TaskResult>> row =
          adapters.stream().map(adapter -> results.of(adapter, task)).toList();
      rows.add(row(task, row.stream().map(cell -> cell.map(TaskResult::score)).toList()));
      for (Variant variant : Variant.values()) {
        List<Optional<Score>> scores =
            row.stream().map(cell -> cell.flatMap(result -> result.score(variant))).toList();
        if (scores.stream().anyMatch(Optional::isPresent)) {
          rows.add(row(task + ", " + variant.title(), scores));
        }
      }
      row.stream().flatMap(Optional::stream).forEach(cell -> note(cell, notes));
    }
    if (results.tasks().size() > 1) {
      List<String> row = new ArrayList<>(List.of("average"));
      adapters.forEach(adapter -> row.add(percent(results.average(adapter))));
      rows.add(row);
      List<OptionalDouble> normalized =
          adapters.stream()
              .map(adapter -> results.average(adapter, Variant.LENGTH_NORMALIZED))
              .toList();
      if (normalized.stream().anyMatch(OptionalDouble::isPresent)) {
        List<String> second =
            new ArrayList<>(List.of("average, " + Variant.LENGTH_NORMALIZED.title()));
        normalized.forEach(mean -> second.add(mean.isPresent() ? percent(mean.getAsDouble()) : ""));
        rows.add(second);
      }
    }
    List<String> header = new ArrayList<>(List.of("task"));
    header.addAll(adapters);
    return new ResultsTable(header, rows, notes);
  }

  private static List<String> row(String name, List<Optional<Score>> scores) {
    List<String> row = new ArrayList<>(List.of(name));
    scores.forEach(score -> row.add(score.map(ResultsTable::cell).orElse("")));
    return row;
  }

  private static String cell(Score score) {
    return String.format(
        Locale.ROOT,
        "%s (%s-%s)",
        percent(score.accuracy()),
        percent(score.interval().low()),
        percent(score.interval().high()));
  }

  private static String percent(double fraction) {
    return String.format(Locale.ROOT, "%.1f", 100 * fraction);
  }

  private static void note(TaskResult result, List<String> notes) {
    if (result.work().truncated() > 0) {
      notes.add(
          String.format(
              Locale.ROOT,
              "%d of %d prompts of %s were too long for the model with %s and lost their first"
                  + " tokens.",
              result.work().truncated(),
              result.score().total(),
              result.task(),
              result.adapter()));
    }
    int count = result.inTrainingData().orElse(0);
    if (count > 0) {
      notes.add(
          String.format(
              Locale.ROOT,
              "%d of %d items of %s occur in the training data of %s: its accuracy there says"
                  + " little.",
              count,
              result.score().total(),
              result.task(),
              result.adapter()));
    }
  }

  /** For the terminal: columns aligned, notes below. */
  public List<String> text() {
    List<List<String>> all = new ArrayList<>(List.of(header));
    all.addAll(rows);
    List<Integer> widths =
        IntStream.range(0, header.size())
            .map(column -> all.stream().mapToInt(row -> row.get(column).length()).max().orElse(0))
            .boxed()
            .toList();
    List<String> lines = new ArrayList<>();
    for (List<String> row : all) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        String text = row.get(column);
        line.append(text).append(" ".repeat(widths.get(column) - text.length() + 2));
      }
      lines.add(line.toString().stripTrailing());
    }
    lines.addAll(notes);
    return lines;
  }

  /** A Markdown table, notes below. */
  public String markdown() {
    StringBuilder text = new StringBuilder(markdown(header));
    text.append("| --- |").append(" ---: |".repeat(header.size() - 1)).append('\n');
    rows.forEach(row -> text.append(markdown(row)));
    notes.forEach(note -> text.append('\n').append(note).append('\n'));
    return text.toString();
  }

  private static String markdown(List<String> row) {
    return row.stream().collect(Collectors.joining(" | ", "| ", " |\n"));
  }

  /** A whole HTML page that needs no other file. */
  public String html() {
    StringBuilder body = new StringBuilder(html("th", header));
    rows.forEach(row -> body.append(html("td", row)));
    StringBuilder below = new StringBuilder();
    notes.forEach(note -> below.append("<p>").append(escaped(note)).append("</p>\n"));
    return PAGE.replace("{table}", body).replace("{notes}", below);
  }

  private static String html(String tag, List<String> row) {
    return row.stream()
        .map(cell -> "<" + tag + ">" + escaped(cell) + "</" + tag + ">")
        .collect(Collectors.joining("", "<tr>", "</tr>\n"));
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  private static final String PAGE =
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <title>Evaluation</title>
      <style>
      body { font-family: sans-serif; margin: 2em; color: #222; background: #fff; }
      table { border-collapse: collapse; }
      th, td { padding: 0.3em 1em; border-bottom: 1px solid #ccc; text-align: right; }
      th:first-child, td:first-child { text-align: left; }
      </style>
      </head>
      <body>
      <h1>Evaluation</h1>
      <table>
      {table}</table>
      {notes}</body>
      </html>
      """;
}
