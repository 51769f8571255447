package org.llmadapters.conversion.files;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.FormatException;

/**
 * Reads a file of JSON objects, one after the other: either one JSON list ({@code [{...}, {...}]}),
 * or JSONL (one object per line, blank lines skipped). Which one it is, the first character says.
 *
 * <p>UTF-8, in gzip if the name ends in {@code .gz}. A key may appear once per object; {@code NaN}
 * and {@code Infinity}, which Python writes, are read. No line of a JSONL file has more than 2^24
 * characters. Only the record being read is held in memory.
 */
public final class JsonRecordReader implements Closeable {

  private static final int MAX_LINE_CHARACTERS = 1 << 24;
  private static final int MAX_LEADING_SPACE = 1 << 13;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  private final Path file;
  private final String expected;
  private final BufferedReader reader;
  private final @Nullable JsonParser list;
  private int records;
  private int line;
  private boolean ended;
  private boolean broken;

  private JsonRecordReader(
      Path file, String expected, BufferedReader reader, @Nullable JsonParser list) {
    this.file = file;
    this.expected = expected;
    this.reader = reader;
    this.list = list;
  }

  /**
   * Opens {@code file}; the caller closes.
   *
   * @param expected what the file should hold, for messages: {@code records {"instruction": ...}}
   * @throws FormatException if there is no such file or it is not text
   * @throws IOException if it cannot be read
   */
  public static JsonRecordReader open(Path file, String expected) throws IOException {
    BufferedReader reader = TextFile.open(file);
    try {
      if (!startsList(reader)) {
        return new JsonRecordReader(file, expected, reader, null);
      }
      JsonParser parser = JSON.createParser(reader);
      parser.nextToken();
      return new JsonRecordReader(file, expected, reader, parser);
    } catch (CharacterCodingException e) {
      reader.close();
      throw notText(file, expected, e);
    } catch (IOException | FormatException e) {
      reader.close();
      throw e;
    }
  }

  private static FormatException notText(Path file, String expected, IOException cause) {
    return new FormatException(file, "is not UTF-8 text; expected " + expected, cause);
  }

  /**
   * The next record; nothing at the end. What is no object is a record with a problem and no
   * fields; see {@link JsonRecord#problems}.
   *
   * @throws FormatException if the file is not UTF-8 text
   * @throws IOException if reading fails
   */
  public Optional<JsonRecord> next() throws IOException {
    try {
      return ended ? Optional.empty() : list == null ? nextLine() : nextElement(list);
    } catch (CharacterCodingException e) {
      throw notText(file, expected, e);
    }
  }

  /** Whether the file could not be read to its end, because a list in it is malformed. */
  public boolean isBroken() {
    return broken;
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

  private Optional<JsonRecord> nextElement(JsonParser parser) throws IOException {
    try {
      if (parser.nextToken() != JsonToken.END_ARRAY) {
        return Optional.of(record("record " + (records + 1), JSON.readTree(parser)));
      }
      if (parser.nextToken() == null) {
        ended = true;
        return Optional.empty();
      }
      return Optional.of(
          broken("the end", "the list is followed by more, expected the end of the file"));
    } catch (JsonProcessingException e) {
      return Optional.of(
          broken(
              "record " + (records + 1),
              "not valid JSON at line "
                  + e.getLocation().getLineNr()
                  + ", column "
                  + e.getLocation().getColumnNr()
                  + ": "
                  + e.getOriginalMessage()));
    }
  }

  private JsonRecord broken(String where, String problem) {
    ended = true;
    broken = true;
    return bad(where, problem);
  }

  private Optional<JsonRecord> nextLine() throws IOException {
    StringBuilder text = new StringBuilder();
    do {
      line++;
      if (!readLine(text)) {
        return Optional.empty();
      }
    } while (text.toString().isBlank());
    String where = "line " + line;
    try (JsonParser parser = JSON.createParser(text.toString())) {
      JsonNode object = JSON.readTree(parser);
      JsonRecord record = record(where, object);
      if (parser.nextToken() != null) {
        record.problem("the object is followed by more, expected the end of the line");
      }
      return Optional.of(record);
    } catch (JsonProcessingException e) {
      return Optional.of(
          bad(
              where,
              "not valid JSON at column "
                  + e.getLocation().getColumnNr()
                  + ": "
                  + e.getOriginalMessage()));
    }
  }

  /** Reads up to the next line break; false at the end of the file. */
  private boolean readLine(StringBuilder text) throws IOException {
    text.setLength(0);
    int character = reader.read();
    if (character < 0) {
      return false;
    }
    for (; character >= 0 && character != '\n'; character = reader.read()) {
      if (text.length() == MAX_LINE_CHARACTERS) {
        throw new FormatException(
            file,
            "line %d has more than %d characters; expected %s",
            line,
            MAX_LINE_CHARACTERS,
            expected);
      }
      text.append((char) character);
    }
    return true;
  }

  private JsonRecord record(String where, JsonNode node) {
    if (!node.isObject()) {
      return bad(where, "must be a JSON object");
    }
    return new JsonRecord(node, records++, where);
  }

  private JsonRecord bad(String where, String problem) {
    JsonRecord record = new JsonRecord(JSON.createObjectNode(), records++, where);
    record.problem("%s", problem);
    return record;
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
