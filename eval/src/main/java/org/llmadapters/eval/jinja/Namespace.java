package org.llmadapters.eval.jinja;

import java.util.LinkedHashMap;
import java.util.Map;

/** What {@code namespace(...)} makes: attributes that may be set, also from within a loop. */
record Namespace(Map<String, Object> attributes) {
  Namespace {
    attributes = new LinkedHashMap<>(attributes);
  }

  void set(String name, Object value) {
    attributes.put(name, value);
  }
}
