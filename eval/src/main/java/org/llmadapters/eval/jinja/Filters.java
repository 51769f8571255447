package org.llmadapters.eval.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The filters of {@code x | ...}. */
final class Filters {
  private Filters() {}

  /** The value of {@code value | name(arguments)}. */
  static Object apply(Rendering rendering, String name, Object value, Arguments arguments) {
    return switch (name) {
      case "trim" -> Methods.call(rendering, text(value), "strip", arguments);
      case "upper", "lower", "capitalize", "replace" ->
          Methods.call(rendering, text(value), name, arguments);
      case "tojson" -> PythonJson.write(rendering, value, arguments);
      case "length", "count" -> Values.length(rendering, value);
      case "default", "d" -> otherwise(value, arguments);
      case "first" -> end(rendering, value, 0);
      case "last" -> end(rendering, value, -1);
      case "list" -> Values.elements(rendering, value);
      case "reverse" -> reversed(rendering, value);
      case "items" -> value instanceof Undefined ? List.of() : items(rendering, value);
      case "join" -> joined(rendering, value, arguments);
      case "string" -> text(value);
      case "safe" -> value;
      case "map" -> mapped(rendering, value, arguments);
      case "selectattr" -> selected(rendering, value, arguments, true);
      case "rejectattr" -> selected(rendering, value, arguments, false);
      default -> throw new RenderFailure("the filter \"%s\" is not supported", name);
    };
  }

  private static String text(Object value) {
    return Values.text(value);
  }

  private static Object otherwise(Object value, Arguments arguments) {
    arguments.require("default", 2, "default_value", "boolean");
    boolean alsoFalse = Values.isTrue(arguments.get(1, "boolean", false));
    return value instanceof Undefined || (alsoFalse && !Values.isTrue(value))
        ? arguments.get(0, "default_value", "")
        : value;
  }

  private static Object end(Rendering rendering, Object value, long index) {
    return Values.item(rendering, Values.elements(rendering, value), index);
  }

  private static Object reversed(Rendering rendering, Object value) {
    List<Object> elements = Values.elements(rendering, value);
    Collections.reverse(elements);
    return value instanceof String ? join(rendering, elements, "") : elements;
  }

  private static Object items(Rendering rendering, Object value) {
    return Methods.call(rendering, value, "items", Arguments.NONE);
  }

  private static String joined(Rendering rendering, Object value, Arguments arguments) {
    arguments.require("join", 1, "d");
    Object between = arguments.get(0, "d", "");
    return join(rendering, Values.elements(rendering, value), text(between));
  }

  /** The texts of {@code elements} with {@code between} between them. */
  static String join(Rendering rendering, List<Object> elements, String between) {
    StringBuilder joined = new StringBuilder();
    for (Object element : elements) {
      if (!joined.isEmpty() || element != elements.get(0)) {
        joined.append(between);
      }
      joined.append(text(element));
      rendering.requireCharacters(joined.length());
      rendering.step(rendering.line());
    }
    return rendering.bounded(joined.toString());
  }

  private static List<Object> mapped(Rendering rendering, Object value, Arguments arguments) {
    List<Object> results = new ArrayList<>();
    Object attribute = arguments.named().getOrDefault("attribute", None.NONE);
    for (Object element : Values.elements(rendering, value)) {
      results.add(
          attribute == None.NONE
              ? apply(rendering, arguments.text(0, "filter"), element, rest(arguments, 1))
              : Values.item(rendering, element, attribute));
    }
    return results;
  }

  private static List<Object> selected(
      Rendering rendering, Object value, Arguments arguments, boolean wanted) {
    String attribute = arguments.text(0, "attribute");
    List<Object> selected = new ArrayList<>();
    for (Object element : Values.elements(rendering, value)) {
      Object tested = Values.attribute(element, attribute);
      boolean holds =
          arguments.values().size() < 2
              ? Values.isTrue(tested)
              : Tests.holds(rendering, arguments.text(1, "test"), tested, rest(arguments, 2));
      if (holds == wanted) {
        selected.add(element);
      }
    }
    return selected;
  }

  private static Arguments rest(Arguments arguments, int from) {
    return new Arguments(
        arguments.values().subList(from, arguments.values().size()), arguments.named());
  }

  /** Python's {@code str.capitalize}. */
  static String capitalized(String text) {
    int first = text.isEmpty() ? 0 : Character.charCount(text.codePointAt(0));
    return text.substring(0, first).toUpperCase(Locale.ROOT)
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  /** Pairs of key and value. */
  static List<Object> pairs(Map<?, ?> map) {
    List<Object> pairs = new ArrayList<>();
    map.forEach((key, value) -> pairs.add(List.of(key, value)));
    return pairs;
  }
}
