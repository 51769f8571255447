package org.llmadapters.eval.jinja;

import java.util.List;
import java.util.Map;

/** The tests of {@code x is ...}. */
final class Tests {
  private Tests() {}

  /** Whether {@code value is name(arguments)}. */
  static boolean holds(Rendering rendering, String name, Object value, Arguments arguments) {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == None.NONE;
      case "string" -> value instanceof String;
      case "number" -> value instanceof Long || value instanceof Boolean;
      case "integer" -> value instanceof Long;
      case "boolean" -> value instanceof Boolean;
      case "true" -> value.equals(true);
      case "false" -> value.equals(false);
      case "mapping" -> value instanceof Map<?, ?>;
      case "sequence", "iterable" ->
          value instanceof List<?>
              || value instanceof Map<?, ?>
              || value instanceof String
              || value instanceof Undefined;
      case "odd" -> value instanceof Long number && number % 2 != 0;
      case "even" -> value instanceof Long number && number % 2 == 0;
      case "equalto", "eq" -> Values.equal(rendering, value, other(arguments));
      case "ne" -> !Values.equal(rendering, value, other(arguments));
      case "in" -> Values.contains(rendering, other(arguments), value);
      default -> throw new RenderFailure("the test \"%s\" is not supported", name);
    };
  }

  private static Object other(Arguments arguments) {
    return arguments.get(0, "other", None.NONE);
  }
}
