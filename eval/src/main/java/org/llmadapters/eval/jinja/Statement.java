package org.llmadapters.eval.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A part of a template. */
sealed interface Statement {

  /** How it ended: whether the loop around it goes on. */
  enum Flow {
    NEXT,
    CONTINUE,
    BREAK
  }

  /** Writes and sets what it says. */
  Flow run(Rendering rendering);

  /** Runs {@code body} until one of it ends the loop around. */
  static Flow runAll(List<Statement> body, Rendering rendering) {
    for (Statement statement : body) {
      Flow flow = statement.run(rendering);
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  /** Text outside of tags. */
  record Text(String text) implements Statement {
    @Override
    public Flow run(Rendering rendering) {
      rendering.write(text);
      return Flow.NEXT;
    }
  }

  /** <code>{{ expression }}</code>. */
  record Output(Expression expression, int line) implements Statement {
    @Override
    public Flow run(Rendering rendering) {
      rendering.step(line);
      rendering.write(Values.text(expression.value(rendering)));
      return Flow.NEXT;
    }
  }

  /** {@code if}, with {@code elif} and {@code else} in {@code otherwise}. */
  record If(Expression condition, List<Statement> then, List<Statement> otherwise, int line)
      implements Statement {
    @Override
    public Flow run(Rendering rendering) {
      rendering.step(line);
      return runAll(Values.isTrue(condition.value(rendering)) ? then : otherwise, rendering);
    }
  }

  /** {@code set name = expression}. */
  record Set(String name, Expression expression, int line) implements Statement {
    @Override
    public Flow run(Rendering rendering) {
      rendering.step(line);
      rendering.set(name, expression.value(rendering));
      return Flow.NEXT;
    }
  }

  /** {@code set namespace.name = expression}. */
  record SetAttribute(String namespace, String name, Expression expression, int line)
      implements Statement {
    @Override
    public Flow run(Rendering rendering) {
      rendering.step(line);
      Object value = expression.value(rendering);
      Object of = rendering.variable(namespace);
      if (!(of instanceof Namespace attributes)) {
        throw new RenderFailure(
            "\"%s\" is no namespace, \"%s\" of it cannot be set", namespace, name);
      }
      attributes.set(name, value);
      return Flow.NEXT;
    }
  }

  /** <code>{% set name %} body {% endset %}</code>. */
  record SetBlock(String name, List<Statement> body, int line) implements Statement {
    @Override
    public Flow run(Rendering rendering) {
      rendering.step(line);
      int before = rendering.length();
      Flow flow = runAll(body, rendering);
      rendering.set(name, rendering.takeBack(before));
      return flow;
    }
  }

  /** {@code break} and {@code continue}. */
  record Jump(Flow flow) implements Statement {
    @Override
    public Flow run(Rendering rendering) {
      return flow;
    }
  }

  /** {@code for names in elements if condition}. */
  record For(
      List<String> names,
      Expression elements,
      Optional<Expression> condition,
      List<Statement> body,
      List<Statement> otherwise,
      int line)
      implements Statement {

    @Override
    public Flow run(Rendering rendering) {
      rendering.step(line);
      List<Object> all = chosen(rendering);
      if (all.isEmpty()) {
        return runAll(otherwise, rendering);
      }
      for (int i = 0; i < all.size(); i++) {
        rendering.step(line);
        rendering.enter();
        rendering.set("loop", loop(all, i));
        assign(rendering, all.get(i));
        Flow flow = runAll(body, rendering);
        rendering.leave();
        if (flow == Flow.BREAK) {
          break;
        }
      }
      return Flow.NEXT;
    }

    private List<Object> chosen(Rendering rendering) {
      List<Object> all = Values.elements(rendering, elements.value(rendering));
      if (condition.isEmpty()) {
        return all;
      }
      List<Object> chosen = new ArrayList<>();
      for (Object element : all) {
        rendering.step(line);
        rendering.enter();
        assign(rendering, element);
        if (Values.isTrue(condition.get().value(rendering))) {
          chosen.add(element);
        }
        rendering.leave();
      }
      return chosen;
    }

    private void assign(Rendering rendering, Object element) {
      if (names.size() == 1) {
        rendering.set(names.get(0), element);
        return;
      }
      List<Object> parts = Values.elements(rendering, element);
      if (parts.size() != names.size()) {
        throw new RenderFailure(
            "an element has %d parts, expected %d: %s", parts.size(), names.size(), names);
      }
      for (int i = 0; i < names.size(); i++) {
        rendering.set(names.get(i), parts.get(i));
      }
    }

    private static Map<String, Object> loop(List<Object> all, int index) {
      Map<String, Object> loop = new LinkedHashMap<>();
      loop.put("index", index + 1L);
      loop.put("index0", (long) index);
      loop.put("first", index == 0);
      loop.put("last", index == all.size() - 1);
      loop.put("length", (long) all.size());
      loop.put("revindex", (long) all.size() - index);
      loop.put("revindex0", all.size() - index - 1L);
      if (index > 0) {
        loop.put("previtem", all.get(index - 1));
      }
      if (index < all.size() - 1) {
        loop.put("nextitem", all.get(index + 1));
      }
      return loop;
    }
  }
}
