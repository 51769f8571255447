package org.llmadapters.eval.jinja;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.eval.jinja.Expression.ArgumentList;
import org.llmadapters.eval.jinja.Token.Kind;
import org.llmadapters.graph.FormatException;

/**
 * Reads expressions. From loose to tight: {@code if else}, {@code or}, {@code and}, {@code not},
 * comparisons and {@code in}, {@code + -}, {@code ~}, {@code * // %}, a sign, then what follows a
 * value: {@code .name [key] (arguments) | filter is test}.
 */
final class ExpressionParser {
  /** Published templates stay below 60. */
  private static final int MAX_NODES = 1000;

  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Map<String, Object> CONSTANTS =
      Map.of(
          "true", true, "True", true, "false", false, "False", false, "none", None.NONE, "None",
          None.NONE);

  private final Path file;
  private final List<Token> tokens;
  private int position;
  private int nodes;

  ExpressionParser(Path file, List<Token> tokens) {
    this.file = file;
    this.tokens = tokens;
  }

  /** The token to be read next. */
  Token peek() {
    return tokens.get(position);
  }

  /** Reads a token. */
  Token next() {
    Token token = tokens.get(position);
    if (token.kind() != Kind.END) {
      position++;
    }
    return token;
  }

  /** Reads the operator or name {@code text} if it is next, and says whether it was. */
  boolean accept(String text) {
    boolean found = peek().is(Kind.OPERATOR, text) || peek().is(Kind.NAME, text);
    position += found ? 1 : 0;
    return found;
  }

  /** Reads the operator or name {@code text}, which must be next. */
  void expect(String text) {
    if (!accept(text)) {
      throw unexpected("\"" + text + "\"");
    }
  }

  /** Reads a token of {@code kind}, which must be next; {@code expected} is for the message. */
  Token expect(Kind kind, String expected) {
    if (peek().kind() != kind) {
      throw unexpected(expected);
    }
    return next();
  }

  /** That something else should come next. */
  FormatException unexpected(String expected) {
    return new FormatException(
        file, "line %d: got %s, expected %s", peek().line(), peek().describe(), expected);
  }

  /** Reads an expression, or several with commas between them, which are a list. */
  Expression expressions() {
    nodes = 0;
    Expression first = conditional();
    if (!peek().is(Kind.OPERATOR, ",")) {
      return first;
    }
    List<Expression> elements = new ArrayList<>(List.of(first));
    while (accept(",")) {
      elements.add(conditional());
    }
    return new Expression.ListOf(elements);
  }

  /** Reads an expression that ends at {@code if}, as the list that a loop goes through does. */
  Expression withoutCondition() {
    nodes = 0;
    return or();
  }

  private Expression conditional() {
    countNode();
    Expression then = or();
    while (accept("if")) {
      Expression condition = or();
      Optional<Expression> otherwise =
          accept("else") ? Optional.of(conditional()) : Optional.empty();
      then = new Expression.Conditional(condition, then, otherwise);
    }
    return then;
  }

  private Expression or() {
    Expression left = and();
    while (accept("or")) {
      left = new Expression.Logical(false, left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (accept("and")) {
      left = new Expression.Logical(true, left, not());
    }
    return left;
  }

  private Expression not() {
    countNode();
    return accept("not") ? new Expression.Not(not()) : comparison();
  }

  private Expression comparison() {
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    while (true) {
      if (peek().kind() == Kind.OPERATOR && COMPARISONS.contains(peek().text())) {
        operators.add(next().text());
      } else if (accept("in")) {
        operators.add("in");
      } else if (peek().is(Kind.NAME, "not") && tokens.get(position + 1).is(Kind.NAME, "in")) {
        position += 2;
        operators.add("not in");
      } else {
        return operators.isEmpty() ? first : new Expression.Compared(first, operators, others);
      }
      others.add(sum());
    }
  }

  private Expression sum() {
    Expression left = concatenation();
    while (true) {
      if (accept("+")) {
        left = new Expression.Binary(Operator.ADD, left, concatenation());
      } else if (accept("-")) {
        left = new Expression.Binary(Operator.SUBTRACT, left, concatenation());
      } else {
        return left;
      }
    }
  }

  private Expression concatenation() {
    Expression left = product();
    while (accept("~")) {
      left = new Expression.Binary(Operator.CONCATENATE, left, product());
    }
    return left;
  }

  private Expression product() {
    Expression left = signed();
    while (true) {
      if (accept("*")) {
        left = new Expression.Binary(Operator.MULTIPLY, left, signed());
      } else if (accept("//")) {
        left = new Expression.Binary(Operator.FLOOR_DIVIDE, left, signed());
      } else if (accept("%")) {
        left = new Expression.Binary(Operator.MODULO, left, signed());
      } else {
        return left;
      }
    }
  }

  private Expression signed() {
    countNode();
    if (accept("-")) {
      return filtered(
          new Expression.Binary(
              Operator.SUBTRACT, new Expression.Constant(0L), postfix(primary())));
    }
    return filtered(postfix(primary()));
  }

  private Expression primary() {
    Token token = next();
    if (token.kind() == Kind.NAME) {
      Object constant = CONSTANTS.get(token.text());
      return constant == null
          ? new Expression.Name(token.text())
          : new Expression.Constant(constant);
    }
    if (token.kind() == Kind.INTEGER) {
      return new Expression.Constant(Long.parseLong(token.text()));
    }
    if (token.kind() == Kind.STRING) {
      StringBuilder text = new StringBuilder(token.text());
      while (peek().kind() == Kind.STRING) {
        text.append(next().text());
      }
      return new Expression.Constant(text.toString());
    }
    if (token.is(Kind.OPERATOR, "(")) {
      return parenthesized();
    }
    if (token.is(Kind.OPERATOR, "[")) {
      return new Expression.ListOf(elements("]"));
    }
    if (token.is(Kind.OPERATOR, "{")) {
      return map();
    }
    position--;
    throw unexpected("a value");
  }

  private Expression parenthesized() {
    if (accept(")")) {
      return new Expression.ListOf(List.of());
    }
    Expression first = conditional();
    if (accept(")")) {
      return first;
    }
    expect(",");
    List<Expression> elements = new ArrayList<>(List.of(first));
    elements.addAll(elements(")"));
    return new Expression.ListOf(elements);
  }

  private List<Expression> elements(String closing) {
    List<Expression> elements = new ArrayList<>();
    while (!accept(closing)) {
      elements.add(conditional());
      if (!peek().is(Kind.OPERATOR, closing)) {
        expect(",");
      }
    }
    return elements;
  }

  private Expression map() {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!accept("}")) {
      keys.add(conditional());
      expect(":");
      values.add(conditional());
      if (!peek().is(Kind.OPERATOR, "}")) {
        expect(",");
      }
    }
    return new Expression.MapOf(keys, values);
  }

  private Expression postfix(Expression start) {
    Expression of = start;
    while (true) {
      countNode();
      if (accept(".")) {
        if (peek().kind() == Kind.INTEGER) {
          of = new Expression.Item(of, new Expression.Constant(Long.parseLong(next().text())));
        } else {
          of = new Expression.Attribute(of, expect(Kind.NAME, "a name").text());
        }
      } else if (accept("[")) {
        of = subscript(of);
      } else if (accept("(")) {
        of = new Expression.Call(of, arguments());
      } else {
        return of;
      }
    }
  }

  private Expression subscript(Expression of) {
    Optional<Expression> start = bound();
    if (start.isPresent() && accept("]")) {
      return new Expression.Item(of, start.get());
    }
    expect(":");
    Optional<Expression> stop = bound();
    Optional<Expression> step = accept(":") ? bound() : Optional.empty();
    expect("]");
    return new Expression.Slice(of, start, stop, step);
  }

  private Optional<Expression> bound() {
    boolean absent = peek().is(Kind.OPERATOR, ":") || peek().is(Kind.OPERATOR, "]");
    return absent ? Optional.empty() : Optional.of(conditional());
  }

  /** What is in parentheses, the first of which has been read. */
  private ArgumentList arguments() {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (!accept(")")) {
      if (peek().kind() == Kind.NAME && tokens.get(position + 1).is(Kind.OPERATOR, "=")) {
        String name = next().text();
        expect("=");
        named.put(name, conditional());
      } else {
        positional.add(conditional());
      }
      if (!peek().is(Kind.OPERATOR, ")")) {
        expect(",");
      }
    }
    return new ArgumentList(positional, named);
  }

  private Expression filtered(Expression start) {
    Expression of = start;
    while (true) {
      countNode();
      if (accept("|")) {
        String name = expect(Kind.NAME, "the name of a filter").text();
        of = new Expression.Filtered(of, name, accept("(") ? arguments() : noArguments());
      } else if (accept("is")) {
        of = test(of);
      } else if (accept("(")) {
        of = new Expression.Call(of, arguments());
      } else {
        return of;
      }
    }
  }

  private Expression test(Expression of) {
    boolean negated = accept("not");
    String name = expect(Kind.NAME, "the name of a test").text();
    ArgumentList arguments = noArguments();
    if (accept("(")) {
      arguments = arguments();
    } else if (startsArgument(peek())) {
      arguments = new ArgumentList(List.of(postfix(primary())), Map.of());
    }
    return new Expression.Tested(of, name, arguments, negated);
  }

  /** As in {@code x is equalto 'y'}. */
  private static boolean startsArgument(Token token) {
    return switch (token.kind()) {
      case STRING, INTEGER -> true;
      case NAME -> !Set.of("else", "or", "and", "is", "if", "in", "not").contains(token.text());
      case OPERATOR -> token.text().equals("[") || token.text().equals("{");
      default -> false;
    };
  }

  private static ArgumentList noArguments() {
    return new ArgumentList(List.of(), Map.of());
  }

  /** Keeps the recursion of this and of what is made here within the stack. */
  private void countNode() {
    nodes++;
    if (nodes > MAX_NODES) {
      throw new FormatException(
          file, "line %d: the expression has more than %d parts", peek().line(), MAX_NODES);
    }
  }
}
