package org.llmadapters.conversion.files;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.llmadapters.graph.FormatException;

/** Reads a whole file of JSON objects; see {@link JsonRecordReader}. */
public final class JsonRecords {

  private static final int SHOWN_PROBLEMS = 20;

  private final Path file;
  private final String expected;
  private final List<String> problems = new ArrayList<>();
  private int problemCount;

  private JsonRecords(Path file, String expected) {
    this.file = file;
    this.expected = expected;
  }

  /**
   * What {@code parse} makes of each record, in the file's order.
   *
   * @param expected what the file should hold, for messages: {@code records {"instruction": ...}}
   * @param parse makes a value of a record, or reports problems to it and gives none
   * @throws FormatException if the file holds no record or there are problems: the first 20 with
   *     their record (from 1) or line, and how many there are
   * @throws IOException if the file cannot be read
   */
  public static <T> List<T> read(
      Path file, String expected, Function<JsonRecord, Optional<T>> parse) throws IOException {
    return new JsonRecords(file, expected).read(parse);
  }

  private <T> List<T> read(Function<JsonRecord, Optional<T>> parse) throws IOException {
    List<T> parsed = new ArrayList<>();
    int records = 0;
    try (JsonRecordReader reader = JsonRecordReader.open(file, expected)) {
      for (Optional<JsonRecord> next = reader.next(); next.isPresent(); next = reader.next()) {
        accept(next.get(), parse, parsed);
        records++;
      }
    }
    if (problemCount > 0) {
      throw new FormatException(file, "%s", report());
    }
    if (records == 0) {
      throw new FormatException(file, "holds no records; expected %s", expected);
    }
    return parsed;
  }

  private <T> void accept(
      JsonRecord record, Function<JsonRecord, Optional<T>> parse, List<T> parsed) {
    if (record.problems().isEmpty()) {
      Optional<T> value = parse.apply(record);
      value.ifPresent(parsed::add);
      if (value.isEmpty() && record.problems().isEmpty()) {
        throw new IllegalStateException(
            "no value and no problem for " + record.where() + " of " + file);
      }
    }
    record.problems().forEach(problem -> addProblem(record.where() + ": " + problem));
  }

  private void addProblem(String problem) {
    problemCount++;
    if (problems.size() < SHOWN_PROBLEMS) {
      problems.add(problem);
    }
  }

  private String report() {
    StringBuilder report = new StringBuilder();
    report.append(problemCount == 1 ? "1 problem" : problemCount + " problems");
    problems.forEach(problem -> report.append("\n  ").append(problem));
    if (problemCount > problems.size()) {
      report.append("\n  and ").append(problemCount - problems.size()).append(" more");
    }
    return report.append("\nExpected ").append(expected).toString();
  }
}
