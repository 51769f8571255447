package org.llmadapters.eval.jinja;

/**
 * A piece of a template.
 *
 * @param text of {@code TEXT} and {@code STRING} the characters they stand for, else as written
 * @param line from 1, where it starts
 */
record Token(Kind kind, String text, int line) {
  enum Kind {
    TEXT,
    OUTPUT_BEGIN,
    OUTPUT_END,
    TAG_BEGIN,
    TAG_END,
    NAME,
    STRING,
    INTEGER,
    OPERATOR,
    END
  }

  boolean is(Kind other, String otherText) {
    return kind == other && text.equals(otherText);
  }

  /** For messages. */
  String describe() {
    return switch (kind) {
      case TEXT -> "text";
      case END -> "the end of the template";
      case OUTPUT_END, TAG_END -> "the end of the tag, " + text;
      default -> "\"" + text + "\"";
    };
  }
}
