package org.llmadapters.eval.jinja;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.eval.jinja.Statement.Flow;
import org.llmadapters.eval.jinja.Token.Kind;
import org.llmadapters.graph.FormatException;

/** Reads the statements of a template. */
final class TemplateParser {
  /** Published templates stay below 10. */
  private static final int MAX_DEPTH = 50;

  private static final String KNOWN = "if, for, set, break, continue or generation";

  private final Path file;
  private final ExpressionParser parser;
  private int depth;
  private int loops;

  private TemplateParser(Path file, ExpressionParser parser) {
    this.file = file;
    this.parser = parser;
  }

  /**
   * The statements of {@code source}.
   *
   * @throws FormatException if it is malformed or uses a tag that is not supported
   */
  static List<Statement> parse(Path file, String source) {
    TemplateParser parser =
        new TemplateParser(file, new ExpressionParser(file, Lexer.tokens(file, source)));
    List<Statement> statements = parser.body(Set.of());
    if (parser.parser.peek().kind() != Kind.END) {
      throw parser.parser.unexpected("a tag: " + KNOWN);
    }
    return statements;
  }

  /** Statements up to a tag whose name is in {@code ends}; that tag's name is read next. */
  private List<Statement> body(Set<String> ends) {
    depth++;
    if (depth > MAX_DEPTH) {
      throw new FormatException(
          file, "line %d: tags are nested more than %d deep", parser.peek().line(), MAX_DEPTH);
    }
    List<Statement> statements = new ArrayList<>();
    while (parser.peek().kind() != Kind.END) {
      Token token = parser.next();
      if (token.kind() == Kind.TEXT) {
        statements.add(new Statement.Text(token.text()));
      } else if (token.kind() == Kind.OUTPUT_BEGIN) {
        statements.add(new Statement.Output(parser.expressions(), token.line()));
        parser.expect(Kind.OUTPUT_END, "the end of the tag, }}");
      } else if (ends.contains(parser.peek().text())) {
        break;
      } else {
        statements.addAll(tag(token.line()));
      }
    }
    depth--;
    return statements;
  }

  private List<Statement> tag(int line) {
    Token name = parser.expect(Kind.NAME, "a tag: " + KNOWN);
    return switch (name.text()) {
      case "if" -> List.of(ifTag(line));
      case "for" -> List.of(forTag(line));
      case "set" -> List.of(setTag(line));
      case "break" -> List.of(jump(name, Flow.BREAK));
      case "continue" -> List.of(jump(name, Flow.CONTINUE));
      case "generation" -> generationTag();
      default ->
          throw new FormatException(
              file,
              "line %d: the tag \"%s\" is not supported; expected %s",
              line,
              name.text(),
              KNOWN);
    };
  }

  private Statement jump(Token name, Flow flow) {
    if (loops == 0) {
      throw new FormatException(file, "line %d: %s is outside of a loop", name.line(), name.text());
    }
    tagEnd();
    return new Statement.Jump(flow);
  }

  /** Around what an assistant says; it is written like all else. */
  private List<Statement> generationTag() {
    tagEnd();
    List<Statement> body = body(Set.of("endgeneration"));
    end("endgeneration");
    return body;
  }

  /** After {@code if} or {@code elif}. */
  private Statement ifTag(int line) {
    Expression condition = parser.expressions();
    tagEnd();
    List<Statement> then = body(Set.of("elif", "else", "endif"));
    List<Statement> otherwise = List.of();
    int next = parser.peek().line();
    if (parser.accept("elif")) {
      depth++;
      otherwise = List.of(ifTag(next));
      depth--;
    } else if (parser.accept("else")) {
      tagEnd();
      otherwise = body(Set.of("endif"));
      end("endif");
    } else {
      end("endif");
    }
    return new Statement.If(condition, then, otherwise, line);
  }

  private Statement forTag(int line) {
    List<String> names = new ArrayList<>();
    do {
      names.add(parser.expect(Kind.NAME, "the name of a variable").text());
    } while (parser.accept(","));
    parser.expect("in");
    Expression elements = parser.withoutCondition();
    Optional<Expression> condition =
        parser.accept("if") ? Optional.of(parser.expressions()) : Optional.empty();
    tagEnd();
    loops++;
    List<Statement> body = body(Set.of("else", "endfor"));
    loops--;
    List<Statement> otherwise = List.of();
    if (parser.accept("else")) {
      tagEnd();
      otherwise = body(Set.of("endfor"));
    }
    end("endfor");
    return new Statement.For(names, elements, condition, body, otherwise, line);
  }

  private Statement setTag(int line) {
    String name = parser.expect(Kind.NAME, "the name of a variable").text();
    if (parser.accept(".")) {
      String attribute = parser.expect(Kind.NAME, "the name of an attribute").text();
      parser.expect("=");
      Expression value = parser.expressions();
      tagEnd();
      return new Statement.SetAttribute(name, attribute, value, line);
    }
    if (parser.accept("=")) {
      Expression value = parser.expressions();
      tagEnd();
      return new Statement.Set(name, value, line);
    }
    tagEnd();
    List<Statement> body = body(Set.of("endset"));
    end("endset");
    return new Statement.SetBlock(name, body, line);
  }

  private void end(String name) {
    parser.expect(name);
    tagEnd();
  }

  private void tagEnd() {
    parser.expect(Kind.TAG_END, "the end of the tag, %}");
  }
}
