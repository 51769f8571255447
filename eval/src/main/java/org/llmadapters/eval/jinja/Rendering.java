package org.llmadapters.eval.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One rendering of a template: its variables, what is written, and how much more may be done. */
final class Rendering {
  /** Characters of the output and of any text on the way to it. */
  static final int MAX_CHARACTERS = 1 << 24;

  /** Elements of any list. */
  static final int MAX_ELEMENTS = 1 << 20;

  /** A conversation of a thousand turns takes about a hundred thousand. */
  private static final long MAX_WORK = 10_000_000;

  /** Characters that are handled in about the time of one step of the interpreter. */
  private static final int CHARACTERS_PER_STEP = 16;

  private final StringBuilder output = new StringBuilder();
  private Scope scope;
  private long work;
  private int line;

  /** Variables of a template, or of the body of a loop in one. */
  private static final class Scope {
    private final Map<String, Object> variables = new HashMap<>();
    private final @Nullable Scope outer;

    Scope(@Nullable Scope outer) {
      this.outer = outer;
    }
  }

  Rendering(Map<String, Object> variables) {
    scope = new Scope(null);
    scope.variables.putAll(variables);
  }

  /** The value of a variable, {@link Undefined} if there is none. */
  Object variable(String name) {
    for (Scope in = scope; in != null; in = in.outer) {
      Object value = in.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    return new Undefined(name);
  }

  /** Sets a variable until the loop around ends. */
  void set(String name, Object value) {
    scope.variables.put(name, value);
  }

  /** Begins the body of a loop. */
  void enter() {
    scope = new Scope(scope);
  }

  /** Ends it. */
  void leave() {
    if (scope.outer == null) {
      throw new IllegalStateException("no loop was entered");
    }
    scope = scope.outer;
  }

  /** Says that one more step is done. */
  void step(int atLine) {
    line = atLine;
    charge(1);
  }

  /** Says that {@code characters} are looked at or made. */
  void chargeCharacters(long characters) {
    if (characters > 0) {
      charge(characters / CHARACTERS_PER_STEP);
    }
  }

  private void charge(long steps) {
    work += steps;
    if (work > MAX_WORK) {
      throw new RenderFailure("takes more than %d steps", MAX_WORK);
    }
  }

  /** {@code text}, which is of bearable length. */
  String bounded(String text) {
    requireCharacters(text.length());
    chargeCharacters(text.length());
    return text;
  }

  /** Fails before a text of so many characters is made. */
  void requireCharacters(long characters) {
    if (characters > MAX_CHARACTERS) {
      throw new RenderFailure("a text has more than %d characters", MAX_CHARACTERS);
    }
  }

  /** Fails before a list of so many elements is made. */
  void requireElements(long elements) {
    if (elements > MAX_ELEMENTS) {
      throw new RenderFailure("a list has more than %d elements", MAX_ELEMENTS);
    }
    charge(elements);
  }

  /** Writes {@code text}. */
  void write(String text) {
    requireCharacters((long) output.length() + text.length());
    chargeCharacters(text.length());
    output.append(text);
  }

  /** Takes back what was written since there were {@code length} characters. */
  String takeBack(int length) {
    String taken = output.substring(length);
    output.setLength(length);
    return taken;
  }

  /** Characters written so far. */
  int length() {
    return output.length();
  }

  /** All that was written. */
  String output() {
    return output.toString();
  }

  /** The line of the last step. */
  int line() {
    return line;
  }
}
