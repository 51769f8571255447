package org.llmadapters.eval.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What Python does with the values of a template: texts ({@link String}), whole numbers ({@link
 * Long}), truth values, lists, maps from texts, {@link None}, {@link Undefined}, {@link Namespace}
 * and {@link Callable}.
 */
final class Values {
  private Values() {}

  /** Python's {@code bool(value)}. */
  static boolean isTrue(Object value) {
    if (value instanceof Boolean truth) {
      return truth;
    }
    if (value instanceof String text) {
      return !text.isEmpty();
    }
    if (value instanceof Long number) {
      return number != 0;
    }
    if (value instanceof List<?> list) {
      return !list.isEmpty();
    }
    if (value instanceof Map<?, ?> map) {
      return !map.isEmpty();
    }
    return !(value instanceof None || value instanceof Undefined);
  }

  /** The text that <code>{{ value }}</code> writes. */
  static String text(Object value) {
    if (value instanceof String text) {
      return text;
    }
    if (value instanceof Undefined) {
      return "";
    }
    if (value instanceof Boolean truth) {
      return truth ? "True" : "False";
    }
    if (value instanceof None) {
      return "None";
    }
    if (value instanceof Long number) {
      return number.toString();
    }
    throw new RenderFailure("cannot write %s; expected text or a number", describe(value));
  }

  /** The elements of a list, the keys of a map, the characters of a text. */
  static List<Object> elements(Rendering rendering, Object value) {
    if (value instanceof List<?> list) {
      rendering.requireElements(list.size());
      return new ArrayList<>(list);
    }
    if (value instanceof Map<?, ?> map) {
      rendering.requireElements(map.size());
      return new ArrayList<>(map.keySet());
    }
    if (value instanceof String text) {
      rendering.requireElements(text.length());
      List<Object> characters = new ArrayList<>();
      text.codePoints().forEach(character -> characters.add(Character.toString(character)));
      return characters;
    }
    if (value instanceof Undefined) {
      return List.of();
    }
    throw new RenderFailure("cannot go through %s; expected a list", describe(value));
  }

  /** Python's {@code len(value)}. */
  static long length(Rendering rendering, Object value) {
    if (value instanceof String text) {
      rendering.chargeCharacters(text.length());
      return text.codePointCount(0, text.length());
    }
    if (value instanceof List<?> list) {
      return list.size();
    }
    if (value instanceof Map<?, ?> map) {
      return map.size();
    }
    if (value instanceof Undefined) {
      return 0;
    }
    throw new RenderFailure("%s has no length", describe(value));
  }

  /** Python's {@code a == b}. */
  static boolean equal(Rendering rendering, Object a, Object b) {
    if (a instanceof String text && b instanceof String other) {
      rendering.chargeCharacters(Math.min(text.length(), other.length()));
      return text.equals(other);
    }
    if (a instanceof List<?> list && b instanceof List<?> others) {
      boolean equal = list.size() == others.size();
      for (int i = 0; equal && i < list.size(); i++) {
        rendering.step(rendering.line());
        equal = equal(rendering, list.get(i), others.get(i));
      }
      return equal;
    }
    if (a instanceof Map<?, ?> map && b instanceof Map<?, ?> others) {
      boolean equal = map.keySet().equals(others.keySet());
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        rendering.step(rendering.line());
        Object other = others.get(entry.getKey());
        equal = equal && other != null && equal(rendering, entry.getValue(), other);
      }
      return equal;
    }
    if (a instanceof Boolean || b instanceof Boolean) {
      return number(a).equals(number(b));
    }
    return a.equals(b);
  }

  /** In Python, True is 1 and False is 0. */
  private static Object number(Object value) {
    return value instanceof Boolean truth ? (Object) (truth ? 1L : 0L) : value;
  }

  /** Python's {@code element in container}. */
  static boolean contains(Rendering rendering, Object container, Object element) {
    if (container instanceof String text) {
      if (!(element instanceof String part)) {
        throw new RenderFailure("cannot look for %s in a text", describe(element));
      }
      chargeSearch(rendering, text, part);
      return text.contains(part);
    }
    if (container instanceof Map<?, ?> map) {
      return element instanceof String && map.containsKey(element);
    }
    if (container instanceof Namespace) {
      throw new RenderFailure("cannot look for something in a namespace");
    }
    return elements(rendering, container).stream()
        .anyMatch(candidate -> equal(rendering, candidate, element));
  }

  /** Looking for a text in another takes, at worst, the product of their lengths. */
  static void chargeSearch(Rendering rendering, String text, String part) {
    rendering.chargeCharacters(text.length() * (1L + part.length() / 16));
  }

  /** Python's {@code a < b} as {@link Comparable#compareTo} has it; for two texts or numbers. */
  static int compare(Rendering rendering, Object a, Object b) {
    if (a instanceof Long number && b instanceof Long other) {
      return number.compareTo(other);
    }
    if (a instanceof String text && b instanceof String other) {
      rendering.chargeCharacters(Math.min(text.length(), other.length()));
      return text.compareTo(other);
    }
    throw new RenderFailure("cannot compare %s with %s", describe(a), describe(b));
  }

  /** {@code of.name}: an attribute, or the element under that key. */
  static Object attribute(Object of, String name) {
    if (of instanceof Namespace namespace) {
      Object value = namespace.attributes().get(name);
      return value == null ? new Undefined(name) : value;
    }
    if (of instanceof Undefined undefined) {
      throw new RenderFailure("\"%s\" is undefined and has no \"%s\"", undefined.name(), name);
    }
    Object value = of instanceof Map<?, ?> map ? map.get(name) : null;
    return value == null ? new Undefined(name) : value;
  }

  /** {@code of[key]}. */
  static Object item(Rendering rendering, Object of, Object key) {
    if (key instanceof String name) {
      return attribute(of, name);
    }
    if (!(key instanceof Long index)) {
      throw new RenderFailure("a key must be text or a number, got %s", describe(key));
    }
    if (of instanceof Undefined undefined) {
      throw new RenderFailure("\"%s\" is undefined and has no elements", undefined.name());
    }
    if (!(of instanceof List<?> || of instanceof String)) {
      return new Undefined(String.valueOf(index));
    }
    List<?> list = of instanceof List<?> elements ? elements : elements(rendering, of);
    long at = index < 0 ? index + list.size() : index;
    return at < 0 || at >= list.size() ? new Undefined(String.valueOf(index)) : list.get((int) at);
  }

  /** For messages: what kind of value it is, and a short text itself. */
  static String describe(Object value) {
    if (value instanceof String text) {
      return "\"" + (text.length() <= 40 ? text : text.substring(0, 40) + "...") + "\"";
    }
    if (value instanceof List<?>) {
      return "a list";
    }
    if (value instanceof Map<?, ?>) {
      return "a map";
    }
    if (value instanceof Namespace) {
      return "a namespace";
    }
    if (value instanceof Callable) {
      return "a function";
    }
    return value instanceof Undefined undefined
        ? "undefined \"" + undefined.name() + "\""
        : text(value);
  }

  /** Whether Python calls it white space. */
  static boolean isSpace(int character) {
    return Character.isWhitespace(character)
        || character == 0x85
        || character == 0xA0
        || character == 0x2007
        || character == 0x202F;
  }

  /** Where {@code text} ends without the white space at its end. */
  static int strippedEnd(String text) {
    int end = text.length();
    while (end > 0 && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return end;
  }
}
