package org.llmadapters.adapters;

import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Which modules get an adapter, as PEFT's {@code target_modules}: a list of names, each of which
 * matches the whole module path or ends it after a dot, or one regular expression that must match
 * the whole path.
 */
public sealed interface TargetModules {

  /** Whether {@code modulePath}, e.g. {@code model.layers.0.self_attn.q_proj}, is a target. */
  boolean matches(String modulePath);

  /** Targets by name. */
  static Names of(String... names) {
    return new Names(List.of(names));
  }

  /**
   * {@code target_modules: ["q_proj", "v_proj"]}.
   *
   * @param names at least one, none blank
   */
  record Names(List<String> names) implements TargetModules {
    public Names {
      names = List.copyOf(names);
      if (names.isEmpty() || names.stream().anyMatch(String::isBlank)) {
        throw new IllegalArgumentException(
            "target_modules must be a list of module names, got " + names);
      }
    }

    @Override
    public boolean matches(String modulePath) {
      return names.stream().anyMatch(name -> matches(name, modulePath));
    }

    /** Whether {@code name} alone matches. */
    static boolean matches(String name, String modulePath) {
      return modulePath.equals(name) || modulePath.endsWith("." + name);
    }
  }

  /**
   * {@code target_modules: "model\\.layers\\.[0-3]\\..*_proj"}.
   *
   * @param regex in Java's syntax, which agrees with Python's for what module paths need
   */
  record Regex(String regex) implements TargetModules {
    public Regex {
      try {
        Pattern.compile(regex);
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException(
            "target_modules is not a regular expression: " + e.getMessage(), e);
      }
    }

    @Override
    public boolean matches(String modulePath) {
      return Pattern.matches(regex, modulePath);
    }
  }
}
