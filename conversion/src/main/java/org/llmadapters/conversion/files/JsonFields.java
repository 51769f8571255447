package org.llmadapters.conversion.files;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.errorprone.annotations.FormatMethod;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.StreamSupport;
import org.llmadapters.graph.FormatException;

/**
 * Typed fields of one JSON object. A field of the wrong type is noted, a stand-in is returned, and
 * {@link #build} throws once for all of them. A field that is {@code null} counts as absent.
 */
public final class JsonFields {
  private final Path file;
  private final String prefix;
  private final ObjectNode object;
  private final Problems problems;

  private JsonFields(Path file, String prefix, ObjectNode object, Problems problems) {
    this.file = file;
    this.prefix = prefix;
    this.object = object;
    this.problems = problems;
  }

  /** The fields of {@code object}, which stands in {@code file}. */
  public static JsonFields of(Path file, ObjectNode object) {
    return new JsonFields(file, "", object, new Problems());
  }

  /** Whether {@code name} is present and not {@code null}. */
  public boolean has(String name) {
    return object.hasNonNull(name);
  }

  /** Whether {@code name} is present, be it {@code null}. */
  public boolean isWritten(String name) {
    return object.has(name);
  }

  /** The raw value, or {@link Optional#empty} if absent. */
  public Optional<JsonNode> node(String name) {
    return Optional.ofNullable(object.get(name)).filter(node -> !node.isNull());
  }

  /** An integer that must be there; 0 stands in for a bad one. */
  public int requireInt(String name) {
    if (!has(name)) {
      problem("%s is missing", prefix + name);
    }
    return optionalInt(name).orElse(0);
  }

  /** An integer, if it is there. */
  public OptionalInt optionalInt(String name) {
    return node(name).map(node -> intOf(name, node)).orElse(OptionalInt.empty());
  }

  /** An integer or, if absent, {@code absent}. */
  public int intOr(String name, int absent) {
    return optionalInt(name).orElse(absent);
  }

  /** One integer or a list of them; empty if absent. */
  public List<Integer> ints(String name) {
    return node(name)
        .map(
            node ->
                StreamSupport.stream(
                        node.isArray() ? node.spliterator() : List.of(node).spliterator(), false)
                    .map(element -> intOf(name, element))
                    .flatMapToInt(OptionalInt::stream)
                    .boxed()
                    .toList())
        .orElse(List.of());
  }

  /** A finite number that must be there; 0 stands in for a bad one. */
  public double requireDouble(String name) {
    if (!has(name)) {
      problem("%s is missing", prefix + name);
    }
    return doubleOr(name, 0);
  }

  /** A finite number or, if absent, {@code absent}. */
  public double doubleOr(String name, double absent) {
    return optionalDouble(name).orElse(absent);
  }

  /** A finite number, if it is there. */
  public OptionalDouble optionalDouble(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isEmpty()) {
      return OptionalDouble.empty();
    }
    double value = node.get().doubleValue();
    if (!node.get().isNumber() || !Double.isFinite(value)) {
      wrongType(name, "a number", node.get());
      return OptionalDouble.empty();
    }
    return OptionalDouble.of(value);
  }

  /** {@code true} or {@code false} or, if absent, {@code absent}. */
  public boolean booleanOr(String name, boolean absent) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isBoolean()) {
      wrongType(name, "true or false", node.get());
      return absent;
    }
    return node.map(JsonNode::booleanValue).orElse(absent);
  }

  /** A string that must be there; "" stands in for a bad one. */
  public String requireString(String name) {
    if (!has(name)) {
      problem("%s is missing", prefix + name);
    }
    return optionalString(name).orElse("");
  }

  /** A string, if it is there. */
  public Optional<String> optionalString(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isTextual()) {
      wrongType(name, "a string", node.get());
      return Optional.empty();
    }
    return node.map(JsonNode::textValue);
  }

  /**
   * The fields of the object called {@code name}, if it is there; their problems are reported with
   * these, as {@code name.field}.
   */
  public Optional<JsonFields> object(String name) {
    Optional<JsonNode> node = node(name);
    if (node.isPresent() && !node.get().isObject()) {
      wrongType(name, "an object", node.get());
      return Optional.empty();
    }
    return node.map(
        value -> new JsonFields(file, prefix + name + ".", (ObjectNode) value, problems));
  }

  /** The names of all fields, as in the file. */
  public List<String> names() {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** The names that are not in {@code known}, sorted, with the path of this object before them. */
  public List<String> unknown(Set<String> known) {
    TreeSet<String> unknown = new TreeSet<>(names());
    unknown.removeAll(known);
    return unknown.stream().map(name -> prefix + name).toList();
  }

  /** Notes a problem; {@code format} is a {@link String#format} pattern for {@code args}. */
  @FormatMethod
  public void problem(String format, Object... args) {
    problems.add(format, args);
  }

  /**
   * What {@code builder} makes of the values read, or {@link Optional#empty} with a problem noted
   * if it throws an {@link IllegalArgumentException}.
   */
  public <T> Optional<T> attempt(Supplier<T> builder) {
    try {
      return Optional.of(builder.get());
    } catch (IllegalArgumentException e) {
      problem("%s", String.valueOf(e.getMessage()));
      return Optional.empty();
    }
  }

  /**
   * What {@code builder} makes of the values read, if no problem was noted.
   *
   * @throws FormatException if any problem was noted, or {@code builder} throws an {@link
   *     IllegalArgumentException}
   */
  public <T> T build(Supplier<T> builder) {
    throwIfAny();
    Optional<T> built = attempt(builder);
    throwIfAny();
    return built.orElseThrow();
  }

  /**
   * Ends the reading of raw values: records can be built of them now.
   *
   * @throws FormatException that lists all problems noted
   */
  public void throwIfAny() {
    problems.throwIfAny(file, problems.counted("value") + " cannot be used", "");
  }

  private OptionalInt intOf(String name, JsonNode node) {
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      wrongType(name, "an integer below 2^31", node);
      return OptionalInt.empty();
    }
    return OptionalInt.of(node.intValue());
  }

  private void wrongType(String name, String expected, JsonNode node) {
    problem("%s must be %s, got %s", prefix + name, expected, Json.describe(node));
  }
}
