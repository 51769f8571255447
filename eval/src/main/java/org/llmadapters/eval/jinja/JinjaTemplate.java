package org.llmadapters.eval.jinja;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.FormatException;

/**
 * A template in the part of Jinja that chat templates use, as transformers sets it up:
 *
 * <ul>
 *   <li>tags: {@code if elif else}, {@code for} (with {@code if}, {@code else}, {@code loop}),
 *       {@code set} (also of a namespace's attribute, and as a block), {@code break}, {@code
 *       continue}, {@code generation}; comments; white space control
 *   <li>expressions: texts, whole numbers, lists, maps, slices, arithmetic, comparisons, {@code
 *       in}, {@code is}, {@code and or not}, {@code a if b else c}
 *   <li>functions: {@code raise_exception}, {@code namespace}, {@code range}
 *   <li>filters, tests and methods: those of {@link Filters}, {@link Tests} and {@link Methods};
 *       what is not supported is an error only where it is reached
 * </ul>
 *
 * <p>Nothing outside of the template and its variables can be reached, and variables are values,
 * never parts of the template. Work, texts and lists are bounded.
 */
public final class JinjaTemplate {
  private static final int MAX_CHARACTERS = 1 << 20;

  private final Path file;
  private final List<Statement> statements;

  private JinjaTemplate(Path file, List<Statement> statements) {
    this.file = file;
    this.statements = List.copyOf(statements);
  }

  /**
   * Reads {@code source}.
   *
   * @param file where it stands, for messages
   * @throws FormatException if it is malformed or uses a tag that is not supported, with its line
   */
  public static JinjaTemplate parse(Path file, String source) {
    if (source.length() > MAX_CHARACTERS) {
      throw new FormatException(
          file,
          "the template has %d characters, expected at most %d",
          source.length(),
          MAX_CHARACTERS);
    }
    return new JinjaTemplate(file, TemplateParser.parse(file, source));
  }

  /**
   * The text that the template makes.
   *
   * @param variables by name: texts, whole numbers ({@link Long}), truth values, lists of such
   *     values and maps from texts to them; none is null
   * @throws IllegalArgumentException if the template refuses them ({@code raise_exception}), does
   *     what is not supported, or takes too much; with its line
   */
  public String render(Map<String, Object> variables) {
    Map<String, Object> all = new HashMap<>(variables);
    all.put("raise_exception", (Callable) JinjaTemplate::raise);
    all.put("namespace", (Callable) JinjaTemplate::namespace);
    all.put("range", (Callable) JinjaTemplate::range);
    Rendering rendering = new Rendering(all);
    try {
      Statement.runAll(statements, rendering);
    } catch (RenderFailure e) {
      throw new IllegalArgumentException(
          file + ": line " + rendering.line() + " of the template: " + e.getMessage(), e);
    }
    return rendering.output();
  }

  private static Object raise(Rendering rendering, Arguments arguments) {
    throw new RenderFailure("%s", arguments.text(0, "message"));
  }

  private static Object namespace(Rendering rendering, Arguments arguments) {
    Map<String, Object> attributes = new LinkedHashMap<>();
    for (Object value : arguments.values()) {
      if (value instanceof Map<?, ?> map) {
        map.forEach((name, attribute) -> attributes.put(String.valueOf(name), attribute));
      }
    }
    attributes.putAll(arguments.named());
    return new Namespace(attributes);
  }

  private static Object range(Rendering rendering, Arguments arguments) {
    List<Long> bounds = new ArrayList<>();
    for (Object value : arguments.values()) {
      if (!(value instanceof Long bound) || Math.abs(bound) > Integer.MAX_VALUE) {
        throw new RenderFailure("range() takes numbers, got %s", Values.describe(value));
      }
      bounds.add(bound);
    }
    if (bounds.isEmpty() || bounds.size() > 3 || (bounds.size() == 3 && bounds.get(2) == 0)) {
      throw new RenderFailure("range() takes 1 to 3 numbers, the third not 0");
    }
    long start = bounds.size() == 1 ? 0 : bounds.get(0);
    long stop = bounds.size() == 1 ? bounds.get(0) : bounds.get(1);
    long step = bounds.size() == 3 ? bounds.get(2) : 1;
    rendering.requireElements(Math.max(0, (stop - start) / step));
    List<Object> numbers = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      numbers.add(i);
    }
    return numbers;
  }
}
