package org.llmadapters.eval.jinja;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.llmadapters.eval.jinja.Token.Kind;
import org.llmadapters.graph.FormatException;

/**
 * Cuts a template into tokens, with white space as transformers has Jinja treat it ({@code
 * trim_blocks}, {@code lstrip_blocks}): the line break after <code>{% ... %}</code> goes, and so
 * does what stands before it if that is only white space since the line began; a minus sign takes
 * all white space on its side, a plus sign none. Comments go. One line break at the end goes.
 */
final class Lexer {
  private static final List<String> LONG_OPERATORS = List.of("==", "!=", ">=", "<=", "//", "**");
  private static final String OPERATORS = "+-/*%~[](){}<>=.:|,";

  private final Path file;
  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;
  private int depth;
  private boolean lineStarting = true;

  private Lexer(Path file, String source) {
    this.file = file;
    this.source = source;
  }

  /**
   * The tokens of {@code source}, {@code END} last.
   *
   * @throws FormatException if a tag or text in quotes does not end or a character has no meaning
   */
  static List<Token> tokens(Path file, String source) {
    String lines = source.replace("\r\n", "\n").replace('\r', '\n');
    String trimmed = lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines;
    return new Lexer(file, trimmed).run();
  }

  private List<Token> run() {
    while (position < source.length()) {
      int brace = nextBrace();
      char kind = brace < source.length() ? source.charAt(brace + 1) : ' ';
      char sign = brace + 2 < source.length() ? source.charAt(brace + 2) : ' ';
      text(brace, kind, sign);
      if (brace == source.length()) {
        break;
      }
      position = brace + (sign == '-' || sign == '+' ? 3 : 2);
      switch (kind) {
        case '#' -> comment();
        case '%' -> inside(Kind.TAG_BEGIN, Kind.TAG_END, "%}");
        default -> inside(Kind.OUTPUT_BEGIN, Kind.OUTPUT_END, "}}");
      }
    }
    add(Kind.END, "");
    return tokens;
  }

  /** Where the next of the three kinds of braces starts, or the end. */
  private int nextBrace() {
    for (int i = position; i + 1 < source.length(); i++) {
      if (source.charAt(i) == '{' && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return source.length();
  }

  private void text(int end, char kind, char sign) {
    String text = source.substring(position, end);
    int lineStart = text.lastIndexOf('\n') + 1;
    String kept = text;
    if (sign == '-' && end < source.length()) {
      kept = text.substring(0, Values.strippedEnd(text));
    } else if (end < source.length()
        && sign != '+'
        && kind != '{'
        && (lineStart > 0 || lineStarting)
        && text.substring(lineStart).isBlank()) {
      kept = text.substring(0, lineStart);
    }
    if (!kept.isEmpty()) {
      add(Kind.TEXT, kept);
    }
    advance(end);
  }

  private void comment() {
    int end = source.indexOf("#}", position);
    if (end < 0) {
      throw failure("the comment {# does not end; expected #}");
    }
    char sign = source.charAt(end - 1);
    advance(end + 2);
    afterTag(sign, true);
  }

  private void inside(Kind begin, Kind end, String closing) {
    add(begin, source.substring(position - 2, position));
    int opened = line;
    depth = 0;
    while (true) {
      skipSpace();
      if (position >= source.length()) {
        throw new FormatException(
            file, "line %d: the tag does not end; expected %s", opened, closing);
      }
      char character = source.charAt(position);
      boolean signed = character == '-' || character == '+';
      if (depth == 0 && source.startsWith(closing, position + (signed ? 1 : 0))) {
        add(end, closing);
        advance(position + (signed ? 3 : 2));
        afterTag(character, end == Kind.TAG_END);
        return;
      }
      token(character);
    }
  }

  /** Takes the white space that the end of a tag takes. */
  private void afterTag(char sign, boolean trimsLineBreak) {
    int end = position;
    if (sign == '-') {
      while (end < source.length() && Values.isSpace(source.charAt(end))) {
        end++;
      }
    } else if (sign != '+' && trimsLineBreak && source.startsWith("\n", position)) {
      end++;
    }
    lineStarting = source.charAt(end - 1) == '\n';
    advance(end);
  }

  private void token(char first) {
    if (first == '\'' || first == '"') {
      string(first);
    } else if (isDigit(first)) {
      word(Kind.INTEGER);
    } else if (Character.isLetter(first) || first == '_') {
      word(Kind.NAME);
    } else {
      operator(first);
    }
  }

  private void operator(char first) {
    String operator =
        LONG_OPERATORS.stream()
            .filter(candidate -> source.startsWith(candidate, position))
            .findFirst()
            .orElse(String.valueOf(first));
    if (operator.length() == 1 && OPERATORS.indexOf(first) < 0) {
      throw failure("the character \"" + first + "\" has no meaning in a tag");
    }
    depth += "([{".indexOf(first) >= 0 ? 1 : ")]}".indexOf(first) >= 0 ? -1 : 0;
    add(Kind.OPERATOR, operator);
    position += operator.length();
  }

  private void word(Kind kind) {
    int end = position;
    while (end < source.length()
        && (Character.isLetterOrDigit(source.charAt(end)) || source.charAt(end) == '_')) {
      end++;
    }
    String word = source.substring(position, end);
    if (kind == Kind.INTEGER && !word.matches("[0-9]{1,18}")) {
      throw failure("\"" + word + "\" is no number of at most 18 digits");
    }
    if (kind == Kind.INTEGER
        && end + 1 < source.length()
        && source.charAt(end) == '.'
        && isDigit(source.charAt(end + 1))) {
      throw failure("numbers with a fraction are not supported");
    }
    add(kind, word);
    position = end;
  }

  private void string(char quote) {
    StringBuilder text = new StringBuilder();
    int end = position + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      if (source.charAt(end) == '\\' && end + 1 < source.length()) {
        end += escape(end, text);
      } else {
        text.append(source.charAt(end));
        end++;
      }
    }
    if (end >= source.length()) {
      throw failure("the text in quotes does not end");
    }
    add(Kind.STRING, text.toString());
    advance(end + 1);
  }

  /** Appends what the backslash at {@code at} and what follows it mean, and gives their length. */
  private int escape(int at, StringBuilder text) {
    char escaped = source.charAt(at + 1);
    int digits = escaped == 'x' ? 2 : escaped == 'u' ? 4 : escaped == 'U' ? 8 : 0;
    if (digits > 0) {
      text.appendCodePoint(codePoint(at, digits));
      return 2 + digits;
    }
    @Nullable String simple =
        switch (escaped) {
          case 'n' -> "\n";
          case 't' -> "\t";
          case 'r' -> "\r";
          case 'f' -> "\f";
          case 'b' -> "\b";
          case '\n' -> "";
          case '\\', '\'', '"' -> String.valueOf(escaped);
          default -> null;
        };
    text.append(simple == null ? "\\" + escaped : simple);
    return 2;
  }

  private int codePoint(int at, int digits) {
    int end = at + 2 + digits;
    String hex = end <= source.length() ? source.substring(at + 2, end) : "";
    if (!hex.matches("[0-9a-fA-F]+") || Long.parseLong(hex, 16) > Character.MAX_CODE_POINT) {
      throw failure("\"" + source.substring(at, at + 2) + "\" needs the number of a character");
    }
    return Integer.parseInt(hex, 16);
  }

  private void skipSpace() {
    int end = position;
    while (end < source.length() && Values.isSpace(source.charAt(end))) {
      end++;
    }
    advance(end);
  }

  private static boolean isDigit(char character) {
    return character >= '0' && character <= '9';
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text, line));
  }

  private void advance(int end) {
    for (int i = position; i < end; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    position = end;
  }

  private FormatException failure(String problem) {
    return new FormatException(file, "line %d: %s", line, problem);
  }
}
