package org.llmadapters.conversion.files;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.BiConsumer;
import org.llmadapters.graph.FormatException;

/**
 * JSON as RFC 8259 has it, in UTF-8, and no more: {@code NaN}, comments, a key twice in one object
 * and anything after the value are errors.
 */
public final class Json {
  /** Configurations and tokenizers; the largest published {@code tokenizer.json} has 33 MiB. */
  private static final long MAX_BYTES = 64L << 20;

  private static final int MAX_DEPTH = 64;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  // Names come from files that may be hostile: no table keyed by their hashes.
                  .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                  .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_DEPTH)
                          .maxNumberLength(400)
                          .maxStringLength(1 << 24)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private static final ObjectReader ENTRY_READER =
      MAPPER.reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private static final ObjectWriter WRITER =
      MAPPER.writer(
          new DefaultPrettyPrinter()
              .withArrayIndenter(new DefaultIndenter("  ", "\n"))
              .withObjectIndenter(new DefaultIndenter("  ", "\n")));

  private Json() {}

  /**
   * The value in {@code file}.
   *
   * @throws FormatException if there is no such regular file, it has more than 64 MiB, or it is not
   *     JSON; with line and column
   * @throws IOException if reading fails
   */
  public static JsonNode read(Path file) throws IOException {
    byte[] bytes = readBytes(file, MAX_BYTES);
    try (InputStreamReader text = utf8(bytes)) {
      JsonNode node = MAPPER.readTree(text);
      if (node.isMissingNode()) {
        throw new FormatException(file, "is empty; expected JSON");
      }
      return node;
    } catch (JsonProcessingException e) {
      throw notJson(file, e);
    } catch (CharacterCodingException e) {
      throw new FormatException(file, "is not JSON: not UTF-8", e);
    }
  }

  /**
   * The object in {@code file}.
   *
   * @throws FormatException as {@link #read}, and if the value is not an object
   * @throws IOException if reading fails
   */
  public static ObjectNode readObject(Path file) throws IOException {
    JsonNode node = read(file);
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new FormatException(file, "must hold a JSON object, got %s", describe(node));
  }

  /**
   * Gives the fields of the object in {@code bytes} to {@code consumer} one at a time, so that an
   * object of a million fields need not be in memory as a whole.
   *
   * @param file for messages
   * @throws FormatException if the bytes are not one JSON object
   */
  public static void forEachField(Path file, byte[] bytes, BiConsumer<String, JsonNode> consumer) {
    try (JsonParser parser = MAPPER.createParser(utf8(bytes))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new FormatException(file, "must hold a JSON object");
      }
      for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
        parser.nextToken();
        consumer.accept(name, ENTRY_READER.readTree(parser));
      }
      if (parser.nextToken() != null) {
        throw new FormatException(file, "has something after the JSON object");
      }
    } catch (JsonProcessingException e) {
      throw notJson(file, e);
    } catch (IOException e) {
      // In memory, only the text itself can be wrong.
      throw new FormatException(file, "is not JSON: not UTF-8", e);
    }
  }

  /**
   * Writes {@code value} (a {@link JsonNode}, map, list or record), indented, with a newline at the
   * end; the file appears or changes only when it is complete.
   *
   * @throws IOException if writing fails
   */
  public static void write(Path file, Object value) throws IOException {
    String text = WRITER.writeValueAsString(value) + "\n";
    try (AtomicFile output = AtomicFile.create(file)) {
      Files.writeString(output.path(), text);
      output.commit();
    }
  }

  /** An empty object to fill. */
  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /**
   * The bytes of {@code file}.
   *
   * @throws FormatException if there is no such regular file, or it has more than {@code maxBytes}
   * @throws IOException if reading fails
   */
  public static byte[] readBytes(Path file, long maxBytes) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new FormatException(
          file, "%s", Files.exists(file) ? "is not a regular file" : "no such file");
    }
    long size = Files.size(file);
    if (size > maxBytes) {
      throw new FormatException(file, "has %d bytes, expected at most %d", size, maxBytes);
    }
    return Files.readAllBytes(file);
  }

  /** {@code node} as it stands in the file, cut to a length that fits a message. */
  public static String describe(JsonNode node) {
    String text = node.toString();
    return text.length() <= 60 ? text : text.substring(0, 57) + "...";
  }

  /**
   * The text in {@code file}, which must be UTF-8.
   *
   * @throws FormatException if there is no such regular file, it has more than 64 MiB, or it is not
   *     UTF-8
   * @throws IOException if reading fails
   */
  public static String readText(Path file) throws IOException {
    try (InputStreamReader text = utf8(readBytes(file, MAX_BYTES))) {
      StringWriter all = new StringWriter();
      text.transferTo(all);
      return all.toString();
    } catch (CharacterCodingException e) {
      throw new FormatException(file, "is not UTF-8", e);
    }
  }

  private static InputStreamReader utf8(byte[] bytes) {
    return new InputStreamReader(
        new ByteArrayInputStream(bytes), StandardCharsets.UTF_8.newDecoder());
  }

  private static FormatException notJson(Path file, JsonProcessingException e) {
    JsonLocation where = e.getLocation();
    String place =
        where == null
            ? ""
            : String.format(
                Locale.ROOT, " at line %d, column %d", where.getLineNr(), where.getColumnNr());
    String reason = e.getOriginalMessage().replaceAll("\\s+", " ");
    return new FormatException(file, "is not JSON" + place + ": " + reason, e);
  }
}
