package org.llmadapters.eval.jinja;

import java.util.List;
import java.util.Map;

/** JSON as Python's {@code json.dumps(value, ensure_ascii=False)} writes it. */
final class PythonJson {
  private static final int MAX_INDENT = 16;

  private final Rendering rendering;
  private final int indent;
  private final StringBuilder json = new StringBuilder();

  private PythonJson(Rendering rendering, int indent) {
    this.rendering = rendering;
    this.indent = indent;
  }

  /** What the filter {@code tojson} gives, with {@code indent} spaces a level if given. */
  static String write(Rendering rendering, Object value, Arguments arguments) {
    arguments.require("tojson", 0, "indent");
    Object indent = arguments.get(0, "indent", None.NONE);
    int spaces = -1;
    if (indent instanceof Long given && given >= 0 && given <= MAX_INDENT) {
      spaces = given.intValue();
    } else if (indent != None.NONE) {
      throw new RenderFailure(
          "tojson's indent must be 0 to %d, got %s", MAX_INDENT, Values.describe(indent));
    }
    PythonJson writer = new PythonJson(rendering, spaces);
    writer.value(value, 0);
    return rendering.bounded(writer.json.toString());
  }

  private void value(Object value, int depth) {
    rendering.requireCharacters(json.length());
    if (depth > 50) {
      throw new RenderFailure("tojson's value is nested more than 50 deep");
    }
    rendering.step(rendering.line());
    if (value instanceof String text) {
      string(text);
    } else if (value instanceof Boolean || value instanceof Long) {
      json.append(value);
    } else if (value == None.NONE) {
      json.append("null");
    } else if (value instanceof List<?> list) {
      json.append('[');
      for (int i = 0; i < list.size(); i++) {
        separate(i, depth + 1);
        value(list.get(i), depth + 1);
      }
      close(list.isEmpty(), ']', depth);
    } else if (value instanceof Map<?, ?> map) {
      json.append('{');
      int i = 0;
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        separate(i, depth + 1);
        string(String.valueOf(entry.getKey()));
        json.append(": ");
        value(entry.getValue(), depth + 1);
        i++;
      }
      close(map.isEmpty(), '}', depth);
    } else {
      throw new RenderFailure("tojson cannot write %s", Values.describe(value));
    }
  }

  private void separate(int index, int depth) {
    if (index > 0) {
      json.append(indent < 0 ? ", " : ",");
    }
    lineBreak(depth);
  }

  private void close(boolean empty, char closing, int depth) {
    if (!empty) {
      lineBreak(depth);
    }
    json.append(closing);
  }

  private void lineBreak(int depth) {
    if (indent >= 0) {
      json.append('\n').append(" ".repeat(indent * depth));
    }
  }

  private void string(String text) {
    rendering.requireCharacters((long) json.length() + 6L * text.length());
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char character = text.charAt(i);
      switch (character) {
        case '"' -> json.append("\\\"");
        case '\\' -> json.append("\\\\");
        case '\n' -> json.append("\\n");
        case '\r' -> json.append("\\r");
        case '\t' -> json.append("\\t");
        case '\f' -> json.append("\\f");
        case '\b' -> json.append("\\b");
        default -> {
          if (character < ' ') {
            json.append(String.format("\\u%04x", (int) character));
          } else {
            json.append(character);
          }
        }
      }
    }
    json.append('"');
  }
}
