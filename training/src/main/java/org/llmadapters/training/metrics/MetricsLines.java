package org.llmadapters.training.metrics;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llmadapters.graph.FormatException;

/** Reads the lines of a {@code metrics.jsonl}, of which the last may be cut off. */
final class MetricsLines {
  static final JsonMapper JSON = new JsonMapper();

  /** Many times as long as what is written. */
  private static final int MAX_LINE_CHARACTERS = 1 << 14;

  private MetricsLines() {}

  /** Takes a line. */
  interface Consumer {
    void accept(String line, JsonNode json) throws IOException;
  }

  /**
   * Gives every line to {@code consumer}, in order, but for a last one that was cut off.
   *
   * @throws FormatException if another one is no JSON object with a {@code step}
   */
  static void forEach(Path file, Consumer consumer) throws IOException {
    try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      StringBuilder line = new StringBuilder();
      for (int number = 1; readLine(reader, line); number++) {
        JsonNode json = parse(line.toString());
        if (json.path("step").isIntegralNumber()) {
          consumer.accept(line.toString(), json);
        } else if (line.length() > MAX_LINE_CHARACTERS || reader.read() >= 0) {
          throw new FormatException(
              file, "line %d is no metrics line; expected {\"step\": ...}", number);
        }
      }
    } catch (CharacterCodingException e) {
      throw new FormatException(file, "is not UTF-8 text; expected lines {\"step\": ...}", e);
    }
  }

  /** Reads up to the next line break, or a character more than a line may have. */
  private static boolean readLine(BufferedReader reader, StringBuilder line) throws IOException {
    line.setLength(0);
    int character = reader.read();
    if (character < 0) {
      return false;
    }
    for (; character >= 0 && character != '\n'; character = reader.read()) {
      line.append((char) character);
      if (line.length() > MAX_LINE_CHARACTERS) {
        return true;
      }
    }
    return true;
  }

  private static JsonNode parse(String line) {
    if (line.length() > MAX_LINE_CHARACTERS) {
      return MissingNode.getInstance();
    }
    try {
      return JSON.readTree(line);
    } catch (JsonProcessingException e) {
      return MissingNode.getInstance();
    }
  }
}
