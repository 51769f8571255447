package org.llmadapters.eval.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The methods of texts and maps, as in Python. */
final class Methods {
  private Methods() {}

  /** The value of {@code of.name(arguments)}; {@code of} is a text or a map. */
  static Object call(Rendering rendering, Object of, String name, Arguments arguments) {
    if (of instanceof String text) {
      rendering.chargeCharacters(text.length());
      return ofText(rendering, text, name, arguments);
    }
    if (of instanceof Map<?, ?> map) {
      return ofMap(rendering, map, name, arguments);
    }
    throw new RenderFailure("%s has no %s()", Values.describe(of), name);
  }

  private static Object ofText(Rendering rendering, String text, String name, Arguments arguments) {
    return switch (name) {
      case "strip" -> stripped(text, arguments, true, true);
      case "lstrip" -> stripped(text, arguments, true, false);
      case "rstrip" -> stripped(text, arguments, false, true);
      case "startswith" -> parts(arguments).stream().anyMatch(text::startsWith);
      case "endswith" -> parts(arguments).stream().anyMatch(text::endsWith);
      case "split" -> split(rendering, text, arguments);
      case "replace" -> replaced(rendering, text, arguments);
      case "upper" -> rendering.bounded(text.toUpperCase(Locale.ROOT));
      case "lower" -> rendering.bounded(text.toLowerCase(Locale.ROOT));
      case "capitalize" -> rendering.bounded(Filters.capitalized(text));
      case "join" ->
          Filters.join(
              rendering, Values.elements(rendering, arguments.get(0, "list", None.NONE)), text);
      default -> throw new RenderFailure("a text's %s() is not supported", name);
    };
  }

  private static Object ofMap(
      Rendering rendering, Map<?, ?> map, String name, Arguments arguments) {
    rendering.requireElements(map.size());
    return switch (name) {
      case "get" -> {
        Object value = map.get(arguments.text(0, "key"));
        yield value == null ? arguments.get(1, "default", None.NONE) : value;
      }
      case "items" -> Filters.pairs(map);
      case "keys" -> new ArrayList<Object>(map.keySet());
      case "values" -> new ArrayList<Object>(map.values());
      default -> throw new RenderFailure("a map's %s() is not supported", name);
    };
  }

  /** Without the characters of the first argument, or without white space, at its ends. */
  private static String stripped(String text, Arguments arguments, boolean start, boolean end) {
    arguments.require("strip", 1, "chars");
    Object characters = arguments.get(0, "chars", None.NONE);
    String taken = characters == None.NONE ? "" : arguments.text(0, "chars");
    boolean spaces = characters == None.NONE;
    int from = 0;
    int to = text.length();
    while (start && from < to && isTaken(text.codePointAt(from), taken, spaces)) {
      from += Character.charCount(text.codePointAt(from));
    }
    while (end && to > from && isTaken(text.codePointBefore(to), taken, spaces)) {
      to -= Character.charCount(text.codePointBefore(to));
    }
    return text.substring(from, to);
  }

  private static boolean isTaken(int character, String taken, boolean spaces) {
    return spaces ? Values.isSpace(character) : taken.indexOf(character) >= 0;
  }

  /** One text, or a list of them. */
  private static List<String> parts(Arguments arguments) {
    if (arguments.get(0, "prefix", None.NONE) instanceof List<?> list
        && list.stream().allMatch(String.class::isInstance)) {
      return list.stream().map(String.class::cast).toList();
    }
    return List.of(arguments.text(0, "prefix"));
  }

  private static List<Object> split(Rendering rendering, String text, Arguments arguments) {
    arguments.require("split", 2, "sep", "maxsplit");
    if (arguments.get(0, "sep", None.NONE) == None.NONE) {
      List<Object> words = new ArrayList<>();
      for (String word : stripped(text, Arguments.NONE, true, true).split("\\s+", -1)) {
        if (!word.isEmpty()) {
          words.add(word);
        }
      }
      return words;
    }
    String separator = arguments.text(0, "sep");
    Object most = arguments.get(1, "maxsplit", -1L);
    if (separator.isEmpty() || !(most instanceof Long limit)) {
      throw new RenderFailure("split() needs a separator, and a number as maxsplit");
    }
    Values.chargeSearch(rendering, text, separator);
    List<Object> parts = new ArrayList<>();
    int from = 0;
    int found = text.indexOf(separator);
    while (found >= 0 && (limit < 0 || parts.size() < limit)) {
      parts.add(text.substring(from, found));
      from = found + separator.length();
      found = text.indexOf(separator, from);
      rendering.requireElements(1);
    }
    parts.add(text.substring(from));
    return parts;
  }

  private static String replaced(Rendering rendering, String text, Arguments arguments) {
    arguments.require("replace", 2, "old", "new");
    String old = arguments.text(0, "old");
    String replacement = arguments.text(1, "new");
    Values.chargeSearch(rendering, text, old);
    long most = old.isEmpty() ? text.length() + 1L : text.length() / old.length();
    rendering.requireCharacters(text.length() + most * replacement.length());
    return rendering.bounded(text.replace(old, replacement));
  }
}
