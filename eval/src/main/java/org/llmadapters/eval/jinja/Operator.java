package org.llmadapters.eval.jinja;

import java.util.ArrayList;
import java.util.List;

/** What stands between two values and makes one of them. */
enum Operator {
  ADD("+"),
  SUBTRACT("-"),
  MULTIPLY("*"),
  FLOOR_DIVIDE("//"),
  MODULO("%"),
  CONCATENATE("~");

  private final String symbol;

  Operator(String symbol) {
    this.symbol = symbol;
  }

  /** As written in a template. */
  String symbol() {
    return symbol;
  }

  /** The value of {@code left symbol right}, as in Python. */
  Object apply(Rendering rendering, Object left, Object right) {
    if (this == CONCATENATE) {
      return concatenate(rendering, Values.text(left), Values.text(right));
    }
    if (left instanceof Long a && right instanceof Long b) {
      return ofNumbers(a, b);
    }
    if (this == ADD && left instanceof String a && right instanceof String b) {
      return concatenate(rendering, a, b);
    }
    if (this == ADD && left instanceof List<?> a && right instanceof List<?> b) {
      rendering.requireElements((long) a.size() + b.size());
      List<Object> both = new ArrayList<>(a);
      both.addAll(b);
      return both;
    }
    if (this == MULTIPLY && left instanceof String text && right instanceof Long times) {
      int repeated = (int) Math.max(0, Math.min(times, Rendering.MAX_CHARACTERS + 1L));
      rendering.requireCharacters((long) text.length() * repeated);
      return rendering.bounded(text.repeat(repeated));
    }
    throw new RenderFailure(
        "%s does not go between %s and %s", symbol, Values.describe(left), Values.describe(right));
  }

  private static String concatenate(Rendering rendering, String a, String b) {
    rendering.requireCharacters((long) a.length() + b.length());
    return rendering.bounded(a + b);
  }

  private Object ofNumbers(long a, long b) {
    try {
      return switch (this) {
        case ADD -> Math.addExact(a, b);
        case SUBTRACT -> Math.subtractExact(a, b);
        case MULTIPLY -> Math.multiplyExact(a, b);
        case FLOOR_DIVIDE -> Math.floorDiv(a, b);
        case MODULO -> Math.floorMod(a, b);
        case CONCATENATE -> throw new IllegalStateException("handled above");
      };
    } catch (ArithmeticException e) {
      throw new RenderFailure("%d %s %d has no result", a, symbol, b);
    }
  }
}
