package org.llmadapters.conversion.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.graph.FormatException;

final class JsonTest {
  @TempDir Path directory;
  private Path file = Path.of("");

  @BeforeEach
  void setUp() {
    file = directory.resolve("config.json");
  }

  @Test
  void readsWhatItWrites() throws IOException {
    Map<String, Object> value = new LinkedHashMap<>();
    value.put("b", List.of(1, 2));
    value.put("a", 0.5);
    Json.write(file, value);
    assertThat(file).hasContent("{\n  \"b\" : [\n    1,\n    2\n  ],\n  \"a\" : 0.5\n}\n");
    assertThat(Json.read(file)).isEqualTo(Json.object().put("a", 0.5).set("b", array()));
    assertThat(directory.toFile().list()).containsExactly("config.json");
  }

  private static ArrayNode array() {
    return Json.object().putArray("x").add(1).add(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"a\": NaN} | is not JSON at line 1, column ",
        "{\"a\": 1, \"a\": 2} | Duplicate field 'a'",
        "{} {} | Trailing token",
        "{\"a\": | is not JSON at line 1, column ",
        "{\"a\": 1,} | is not JSON at line 1, column ",
        "// no | is not JSON at line 1, column ",
      })
  void rejectsWhatIsNotStrictJson(String text, String message) throws IOException {
    Files.writeString(file, text);
    assertThatThrownBy(() -> Json.read(file))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  @Test
  void rejectsDeepNesting() throws IOException {
    Files.writeString(file, "[".repeat(100_000));
    assertThatThrownBy(() -> Json.read(file))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("nesting depth");
  }

  @Test
  void rejectsOtherEncodings() throws IOException {
    Files.write(file, "{\"a\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> Json.read(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": is not JSON: not UTF-8");
  }

  @Test
  void rejectsEmptyAndMissingFilesAndDirectories() throws IOException {
    assertThatThrownBy(() -> Json.read(file)).hasMessage(file + ": no such file");
    Files.createFile(file);
    assertThatThrownBy(() -> Json.read(file)).hasMessage(file + ": is empty; expected JSON");
    assertThatThrownBy(() -> Json.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(directory + ": is not a regular file");
  }

  @Test
  void rejectsAnArrayWhereAnObjectIsNeeded() throws IOException {
    Files.writeString(file, "[1]");
    assertThatThrownBy(() -> Json.readObject(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": must hold a JSON object, got [1]");
  }

  @Test
  void reportsAllFieldsAtOnce() throws IOException {
    Files.writeString(
        file, "{\"i\": 1.5, \"d\": 1e999, \"b\": \"no\", \"s\": 3, \"o\": {\"x\": []}, \"u\": 1}");
    JsonFields fields = JsonFields.of(file, Json.readObject(file));
    fields.requireInt("i");
    fields.requireInt("missing");
    fields.doubleOr("d", 1);
    fields.booleanOr("b", false);
    fields.optionalString("s");
    fields.object("o").orElseThrow().requireInt("x");
    assertThat(fields.unknown(Set.of("i", "d", "b", "s", "o"))).containsExactly("u");
    assertThatThrownBy(() -> fields.build(() -> "unused"))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 6 values cannot be used\n"
                + "  i must be an integer below 2^31, got 1.5\n"
                + "  missing is missing\n"
                + "  d must be a number, got \"Infinity\"\n"
                + "  b must be true or false, got \"no\"\n"
                + "  s must be a string, got 3\n"
                + "  o.x must be an integer below 2^31, got []");
  }

  @Test
  void namesTheFileOfAValueThatARecordRefuses() throws IOException {
    Files.writeString(file, "{}");
    JsonFields fields = JsonFields.of(file, Json.readObject(file));
    assertThatThrownBy(
            () ->
                fields.build(
                    () -> {
                      throw new IllegalArgumentException("r must be between 1 and 9, got 0");
                    }))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": 1 value cannot be used\n  r must be between 1 and 9, got 0");
  }
}
