package org.llmadapters.eval.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What stands in <code>{{ }}</code>, and after {@code if}, {@code in} and {@code =}. */
sealed interface Expression {

  /** Its value now. */
  Object value(Rendering rendering);

  /** {@code 'text'}, {@code 5}, {@code true}, {@code none}. */
  record Constant(Object constant) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return constant;
    }
  }

  /** A variable. */
  record Name(String name) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return rendering.variable(name);
    }
  }

  /** {@code [a, b]} and {@code (a, b)}. */
  record ListOf(List<Expression> elements) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      List<Object> values = new ArrayList<>();
      elements.forEach(element -> values.add(element.value(rendering)));
      return values;
    }
  }

  /** <code>{'key': a}</code>. */
  record MapOf(List<Expression> keys, List<Expression> values) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      Map<String, Object> map = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        if (!(keys.get(i).value(rendering) instanceof String key)) {
          throw new RenderFailure("the key of a map must be text");
        }
        map.put(key, values.get(i).value(rendering));
      }
      return map;
    }
  }

  /** {@code of.name}. */
  record Attribute(Expression of, String name) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Values.attribute(of.value(rendering), name);
    }
  }

  /** {@code of[key]}. */
  record Item(Expression of, Expression key) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Values.item(rendering, of.value(rendering), key.value(rendering));
    }
  }

  /** {@code of[start:stop:step]}. */
  record Slice(
      Expression of,
      Optional<Expression> start,
      Optional<Expression> stop,
      Optional<Expression> step)
      implements Expression {
    @Override
    public Object value(Rendering rendering) {
      Object whole = of.value(rendering);
      if (!(whole instanceof List<?> || whole instanceof String)) {
        throw new RenderFailure("cannot take a part of %s", Values.describe(whole));
      }
      List<Object> elements = Values.elements(rendering, whole);
      long by = number(rendering, step).orElse(1L);
      if (by == 0) {
        throw new RenderFailure("the step of a slice must not be 0");
      }
      long last = elements.size() - 1L;
      long from = bound(number(rendering, start), by > 0 ? 0 : last, by, elements.size());
      long to = bound(number(rendering, stop), by > 0 ? last + 1 : -1, by, elements.size());
      List<Object> part = new ArrayList<>();
      for (long i = from; by > 0 ? i < to : i > to; i += by) {
        part.add(elements.get((int) i));
      }
      return whole instanceof String ? join(part) : part;
    }

    private static long bound(Optional<Long> given, long absent, long by, int size) {
      if (given.isEmpty()) {
        return absent;
      }
      long at = given.get() < 0 ? given.get() + size : given.get();
      return by > 0 ? Math.max(0, Math.min(at, size)) : Math.max(-1, Math.min(at, size - 1L));
    }

    private static Optional<Long> number(Rendering rendering, Optional<Expression> expression) {
      Optional<Object> value =
          expression.map(given -> given.value(rendering)).filter(given -> given != None.NONE);
      if (value.isPresent() && !(value.get() instanceof Long)) {
        throw new RenderFailure(
            "the bounds of a slice must be numbers, got %s", Values.describe(value.get()));
      }
      // A step or bound beyond an int reaches as far as an int does.
      return value.map(
          given -> Math.max(Integer.MIN_VALUE, Math.min((Long) given, Integer.MAX_VALUE)));
    }

    private static String join(List<Object> characters) {
      StringBuilder text = new StringBuilder();
      characters.forEach(text::append);
      return text.toString();
    }
  }

  /** {@code target(...)}, or a method {@code of.name(...)}. */
  record Call(Expression target, ArgumentList arguments) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      rendering.step(rendering.line());
      if (target instanceof Attribute method) {
        Object of = method.of().value(rendering);
        if (of instanceof String || of instanceof Map<?, ?>) {
          return Methods.call(rendering, of, method.name(), arguments.values(rendering));
        }
        if (of instanceof Undefined undefined) {
          throw new RenderFailure(
              "\"%s\" is undefined and has no %s()", undefined.name(), method.name());
        }
      }
      Object function = target.value(rendering);
      if (function instanceof Callable callable) {
        return callable.call(rendering, arguments.values(rendering));
      }
      throw new RenderFailure("%s cannot be called", Values.describe(function));
    }
  }

  /** {@code of | name(...)}. */
  record Filtered(Expression of, String name, ArgumentList arguments) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      rendering.step(rendering.line());
      return Filters.apply(rendering, name, of.value(rendering), arguments.values(rendering));
    }
  }

  /** {@code of is name(...)}, {@code of is not name(...)}. */
  record Tested(Expression of, String name, ArgumentList arguments, boolean negated)
      implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return Tests.holds(rendering, name, of.value(rendering), arguments.values(rendering))
          != negated;
    }
  }

  /** {@code not of}. */
  record Not(Expression of) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      return !Values.isTrue(of.value(rendering));
    }
  }

  /** {@code left and right}, {@code left or right}: one of the two values. */
  record Logical(boolean and, Expression left, Expression right) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      Object value = left.value(rendering);
      return Values.isTrue(value) == and ? right.value(rendering) : value;
    }
  }

  /** {@code then if condition else otherwise}. */
  record Conditional(Expression condition, Expression then, Optional<Expression> otherwise)
      implements Expression {
    @Override
    public Object value(Rendering rendering) {
      if (Values.isTrue(condition.value(rendering))) {
        return then.value(rendering);
      }
      return otherwise.isPresent() ? otherwise.get().value(rendering) : new Undefined("else");
    }
  }

  /** {@code left + right} and the like; {@link Operator} says what it does. */
  record Binary(Operator operator, Expression left, Expression right) implements Expression {
    @Override
    public Object value(Rendering rendering) {
      rendering.step(rendering.line());
      return operator.apply(rendering, left.value(rendering), right.value(rendering));
    }
  }

  /** {@code first < a <= b}: all hold. */
  record Compared(Expression first, List<String> operators, List<Expression> others)
      implements Expression {
    @Override
    public Object value(Rendering rendering) {
      rendering.step(rendering.line());
      Object left = first.value(rendering);
      for (int i = 0; i < operators.size(); i++) {
        Object right = others.get(i).value(rendering);
        if (!holds(rendering, operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    }

    private static boolean holds(Rendering rendering, String operator, Object left, Object right) {
      return switch (operator) {
        case "==" -> Values.equal(rendering, left, right);
        case "!=" -> !Values.equal(rendering, left, right);
        case "in" -> Values.contains(rendering, right, left);
        case "not in" -> !Values.contains(rendering, right, left);
        case "<" -> Values.compare(rendering, left, right) < 0;
        case "<=" -> Values.compare(rendering, left, right) <= 0;
        case ">" -> Values.compare(rendering, left, right) > 0;
        default -> Values.compare(rendering, left, right) >= 0;
      };
    }
  }

  /** What stands in the parentheses of a call. */
  record ArgumentList(List<Expression> positional, Map<String, Expression> named) {
    Arguments values(Rendering rendering) {
      if (positional.isEmpty() && named.isEmpty()) {
        return Arguments.NONE;
      }
      List<Object> values = new ArrayList<>();
      positional.forEach(expression -> values.add(expression.value(rendering)));
      Map<String, Object> byName = new LinkedHashMap<>();
      named.forEach((name, expression) -> byName.put(name, expression.value(rendering)));
      return new Arguments(values, byName);
    }
  }
}
