package org.llmadapters.eval.jinja;

import java.util.List;
import java.util.Map;

/**
 * The values that a function, method, filter or test is given.
 *
 * @param values by position
 * @param named by name
 */
record Arguments(List<Object> values, Map<String, Object> named) {
  /** None. */
  static final Arguments NONE = new Arguments(List.of(), Map.of());

  /** The value at {@code position}, or called {@code name}; {@code otherwise} if there is none. */
  Object get(int position, String name, Object otherwise) {
    return position < values.size() ? values.get(position) : named.getOrDefault(name, otherwise);
  }

  /** As {@link #get}, but the value must be there and be text. */
  String text(int position, String name) {
    Object value = get(position, name, None.NONE);
    if (value instanceof String text) {
      return text;
    }
    throw new RenderFailure("%s must be text, got %s", name, Values.describe(value));
  }

  /** Fails if there are more than {@code most} values or one whose name is not {@code known}. */
  void require(String what, int most, String... known) {
    if (values.size() > most) {
      throw new RenderFailure("%s takes up to %d values, got %d", what, most, values.size());
    }
    for (String name : named.keySet()) {
      if (!List.of(known).contains(name)) {
        throw new RenderFailure("%s has no \"%s\"", what, name);
      }
    }
  }
}
