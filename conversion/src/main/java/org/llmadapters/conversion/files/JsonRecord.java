package org.llmadapters.conversion.files;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.errorprone.annotations.FormatMethod;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * One JSON object of a file of records. Reading a key that is missing or of the wrong type adds a
 * problem and gives an empty value, so that all problems of a file are found in one go. At the end,
 * {@link #ifSound} makes the value.
 */
public final class JsonRecord {

  private final JsonNode object;
  private final int index;
  private final String where;
  private final String prefix;
  private final List<String> problems;

  private JsonRecord(
      JsonNode object, int index, String where, String prefix, List<String> problems) {
    this.object = object;
    this.index = index;
    this.where = where;
    this.prefix = prefix;
    this.problems = problems;
  }

  /**
   * A record of a file.
   *
   * @param index among the file's records, from 0
   * @param where it stands: {@code line 7}, {@code record 3}
   */
  JsonRecord(JsonNode object, int index, String where) {
    this(object, index, where, "", new ArrayList<>());
  }

  /** Where in its file it stands: {@code line 7}, {@code record 3}. */
  public String where() {
    return where;
  }

  /** The names of all fields, in the file's order. */
  public List<String> names() {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** Position among the file's records, from 0. */
  public int index() {
    return index;
  }

  /** Whether the record has {@code key}, and not as null. */
  public boolean has(String key) {
    return object.hasNonNull(key);
  }

  /** The text under {@code key}, which must be there. */
  public String text(String key) {
    if (!has(key)) {
      problem("\"%s\" is missing", key);
      return "";
    }
    return text(key, "");
  }

  /** The text under {@code key}, {@code otherwise} if it is missing or null. */
  public String text(String key, String otherwise) {
    JsonNode value = object.path(key);
    if (!has(key)) {
      return otherwise;
    }
    if (!value.isTextual()) {
      problem("\"%s\" must be text, got %s", key, shortened(value));
      return "";
    }
    if (!isUnicode(value.textValue())) {
      problem("\"%s\" has half of a surrogate pair, which is no character", key);
      return "";
    }
    return value.textValue();
  }

  /** The text or number under {@code key}, which must be there, as written in the file. */
  public String textOrNumber(String key) {
    JsonNode value = object.path(key);
    return value.isNumber() ? value.asText() : text(key);
  }

  /** The whole number {@code >= 0} under {@code key}, {@code otherwise} if it is missing. */
  public int count(String key, int otherwise) {
    JsonNode value = object.path(key);
    if (!has(key)) {
      return otherwise;
    }
    if (!isInt(value) || value.intValue() < 0) {
      problem("\"%s\" must be a whole number >= 0, got %s", key, shortened(value));
      return otherwise;
    }
    return value.intValue();
  }

  /** The list of whole numbers under {@code key}, empty if it is missing. */
  public int[] ints(String key) {
    JsonNode list = object.path(key);
    if (!has(key)) {
      return new int[0];
    }
    if (!list.isArray()) {
      problem("\"%s\" must be a list of whole numbers, got %s", key, shortened(list));
      return new int[0];
    }
    int[] values = new int[list.size()];
    for (int i = 0; i < values.length; i++) {
      if (!isInt(list.get(i))) {
        problem("%s[%d] must be a whole number, got %s", key, i, shortened(list.get(i)));
        return new int[0];
      }
      values[i] = list.get(i).intValue();
    }
    return values;
  }

  /** The list of texts under {@code key}, empty if it is missing. */
  public List<String> texts(String key) {
    return list(key, "texts", node -> node.isTextual() && isUnicode(node.textValue()))
        .map(JsonNode::textValue)
        .toList();
  }

  /** The list of numbers under {@code key}, empty if it is missing. */
  public List<Double> numbers(String key) {
    return list(key, "numbers", JsonNode::isNumber).map(JsonNode::doubleValue).toList();
  }

  private Stream<JsonNode> list(String key, String expected, Predicate<JsonNode> sound) {
    JsonNode list = object.path(key);
    if (!has(key)) {
      return Stream.empty();
    }
    if (!list.isArray() || !list.valueStream().allMatch(sound)) {
      problem("\"%s\" must be a list of %s, got %s", key, expected, shortened(list));
      return Stream.empty();
    }
    return list.valueStream();
  }

  /**
   * The list of objects under {@code key}, which must be there; problems of an element become this
   * record's: {@code messages[2]: "content" is missing}.
   */
  public List<JsonRecord> objects(String key) {
    JsonNode list = object.path(key);
    if (!list.isArray()) {
      problem("\"%s\" must be a list of objects, got %s", key, shortened(list));
      return List.of();
    }
    List<JsonRecord> records = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      if (!list.get(i).isObject()) {
        problem("%s[%d] must be an object, got %s", key, i, shortened(list.get(i)));
        return List.of();
      }
      String element = prefix + key + "[" + i + "]: ";
      records.add(new JsonRecord(list.get(i), i, where, element, problems));
    }
    return records;
  }

  /** Adds a problem of this record; {@code format} is a {@link String#format} pattern. */
  @FormatMethod
  public void problem(String format, Object... args) {
    problems.add(prefix + String.format(format, args));
  }

  /** What {@code make} gives; empty, without calling it, if the record has problems. */
  public <T> Optional<T> ifSound(Supplier<T> make) {
    return problems.isEmpty() ? Optional.of(make.get()) : Optional.empty();
  }

  /** What is wrong with the record so far. */
  public List<String> problems() {
    return problems;
  }

  private static boolean isUnicode(String text) {
    return StandardCharsets.UTF_8.newEncoder().canEncode(text);
  }

  private static boolean isInt(JsonNode value) {
    return value.isIntegralNumber() && value.canConvertToInt();
  }

  private static String shortened(JsonNode value) {
    String text = value.toString();
    return text.length() <= 40 ? text : text.substring(0, 40) + "...";
  }
}
