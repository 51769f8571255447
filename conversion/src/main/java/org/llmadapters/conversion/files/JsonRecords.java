package org.llmadapters.conversion.files;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.llmadapters.graph.FormatException;

/**
 * Reads a file of JSON objects, one after the other: either one JSON list ({@code [{...}, {...}]}),
 * or JSONL (one object per line, blank lines skipped). Which one it is, the first character says.
 *
 * <p>UTF-8. A key may appear once per object; {@code NaN} and {@code Infinity}, which Python
 * writes, are read. No line of a JSONL file has more than 2^24 characters. Only the record being
 * read is held in memory, beside what the caller makes of them.
 */
public final class JsonRecords {

  private static final int MAX_LINE_CHARACTERS = 1 << 24;
  private static final int MAX_LEADING_SPACE = 1 << 13;
  private static final int SHOWN_PROBLEMS = 20;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  private final Path file;
  private final String expected;
  private final List<String> problems = new ArrayList<>();
  private int problemCount;
  private int records;

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
    try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      if (startsList(reader)) {
        readList(reader, parse, parsed);
      } else {
        readLines(reader, parse, parsed);
      }
    } catch (CharacterCodingException e) {
      throw new FormatException(file, "is not UTF-8 text; expected " + expected, e);
    }
    if (problemCount > 0) {
      throw new FormatException(file, "%s", report());
    }
    if (records == 0) {
      throw new FormatException(file, "holds no records; expected %s", expected);
    }
    return parsed;
  }

  /** Skips a byte order mark; looks, without moving on, at the first character that is no space. */
  private static boolean startsList(BufferedReader reader) throws IOException {
    reader.mark(1);
    if (reader.read() != '\uFEFF') {
      reader.reset();
    }
    reader.mark(MAX_LEADING_SPACE);
    int character = reader.read();
    for (int read = 1; read < MAX_LEADING_SPACE && isJsonSpace(character); read++) {
      character = reader.read();
    }
    reader.reset();
    return character == '[';
  }

  private static boolean isJsonSpace(int character) {
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
  }

  private <T> void readList(
      BufferedReader reader, Function<JsonRecord, Optional<T>> parse, List<T> parsed)
      throws IOException {
    try (JsonParser parser = JSON.createParser(reader)) {
      parser.nextToken();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        accept("record " + (records + 1), JSON.readTree(parser), parse, parsed);
      }
      if (parser.nextToken() != null) {
        addProblem("the list is followed by more, expected the end of the file");
      }
    } catch (JsonProcessingException e) {
      addProblem(
          "record "
              + (records + 1)
              + ": not valid JSON at line "
              + e.getLocation().getLineNr()
              + ", column "
              + e.getLocation().getColumnNr()
              + ": "
              + e.getOriginalMessage());
    }
  }

  private <T> void readLines(
      BufferedReader reader, Function<JsonRecord, Optional<T>> parse, List<T> parsed)
      throws IOException {
    StringBuilder line = new StringBuilder();
    for (int number = 1; readLine(reader, number, line); number++) {
      if (line.toString().isBlank()) {
        continue;
      }
      String where = "line " + number;
      try (JsonParser parser = JSON.createParser(line.toString())) {
        JsonNode object = JSON.readTree(parser);
        if (parser.nextToken() != null) {
          addProblem(where + ": the object is followed by more, expected the end of the line");
        }
        accept(where, object, parse, parsed);
      } catch (JsonProcessingException e) {
        records++;
        addProblem(
            where
                + ": not valid JSON at column "
                + e.getLocation().getColumnNr()
                + ": "
                + e.getOriginalMessage());
      }
    }
  }

  /** Reads up to the next line break into {@code line}; false at the end of the file. */
  private boolean readLine(BufferedReader reader, int number, StringBuilder line)
      throws IOException {
    line.setLength(0);
    int character = reader.read();
    if (character < 0) {
      return false;
    }
    for (; character >= 0 && character != '\n'; character = reader.read()) {
      if (line.length() == MAX_LINE_CHARACTERS) {
        throw new FormatException(
            file,
            "line %d has more than %d characters; expected %s",
            number,
            MAX_LINE_CHARACTERS,
            expected);
      }
      line.append((char) character);
    }
    return true;
  }

  private <T> void accept(
      String where, JsonNode node, Function<JsonRecord, Optional<T>> parse, List<T> parsed) {
    JsonRecord record = new JsonRecord(node, records);
    records++;
    if (!node.isObject()) {
      addProblem(where + ": must be a JSON object");
      return;
    }
    Optional<T> value = parse.apply(record);
    value.ifPresent(parsed::add);
    if (value.isEmpty() && record.problems().isEmpty()) {
      throw new IllegalStateException("no value and no problem for " + where + " of " + file);
    }
    record.problems().forEach(problem -> addProblem(where + ": " + problem));
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
