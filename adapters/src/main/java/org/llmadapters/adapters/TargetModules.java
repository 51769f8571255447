package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Which modules get an adapter, as PEFT's {@code target_modules}: a list of names, each of which
 * matches the whole module path or ends it after a dot, one regular expression that must match the
 * whole path, or all linear modules of the blocks; less what {@code layers_to_transform} and {@code
 * exclude_modules} leave out.
 */
public sealed interface TargetModules {

  /** Whether {@code modulePath}, e.g. {@code model.layers.0.self_attn.q_proj}, is a target. */
  boolean matches(String modulePath);

  /** What was asked for and is none of {@code modulePaths}, in the words it was asked for. */
  List<String> unmatched(Collection<String> modulePaths);

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

    @Override
    public List<String> unmatched(Collection<String> modulePaths) {
      return names.stream()
          .filter(name -> modulePaths.stream().noneMatch(path -> matches(name, path)))
          .toList();
    }

    private static boolean matches(String name, String modulePath) {
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

    @Override
    public List<String> unmatched(Collection<String> modulePaths) {
      return modulePaths.stream().anyMatch(this::matches) ? List.of() : List.of(regex);
    }
  }

  /**
   * {@code target_modules: "all-linear"}: the linear modules of all blocks. The output layer, which
   * is in no block, is none of them.
   */
  record AllLinear() implements TargetModules {
    /** How it is written. */
    public static final String NAME = "all-linear";

    private static final Pattern IN_BLOCK = Pattern.compile(".*\\.\\d+\\..*");

    @Override
    public boolean matches(String modulePath) {
      return IN_BLOCK.matcher(modulePath).matches();
    }

    @Override
    public List<String> unmatched(Collection<String> modulePaths) {
      return modulePaths.stream().anyMatch(this::matches) ? List.of() : List.of(NAME);
    }
  }

  /**
   * {@code targets} in some layers only: PEFT's {@code layers_to_transform}, numbered from 0. A
   * target that is named by its whole path is one in every layer.
   *
   * @param layers at least one
   * @param layersPattern {@code layers_pattern}: regular expressions for what stands before the
   *     number of a layer, e.g. {@code layers}; none for anything
   */
  record InLayers(Names targets, List<Integer> layers, List<String> layersPattern)
      implements TargetModules {
    public InLayers {
      layers = List.copyOf(layers);
      layersPattern = List.copyOf(layersPattern);
      if (layers.isEmpty() || layers.stream().anyMatch(layer -> layer < 0)) {
        throw new IllegalArgumentException(
            "layers_to_transform must be a list of layers, the first of which is 0, got " + layers);
      }
      layersPattern.forEach(InLayers::pattern);
    }

    @Override
    public boolean matches(String modulePath) {
      return targets.names().contains(modulePath)
          || (targets.matches(modulePath)
              && layers.stream().anyMatch(layer -> isIn(layer, modulePath)));
    }

    /** The names that are in no layer, and the layers that are in no path. */
    @Override
    public List<String> unmatched(Collection<String> modulePaths) {
      List<String> unmatched = new ArrayList<>(targets.unmatched(modulePaths));
      List<String> paths = modulePaths.stream().filter(targets::matches).toList();
      layers.stream()
          .filter(layer -> !paths.isEmpty() && paths.stream().noneMatch(path -> isIn(layer, path)))
          .forEach(layer -> unmatched.add("layers_to_transform " + layer));
      return unmatched;
    }

    private boolean isIn(int layer, String modulePath) {
      List<String> patterns = layersPattern.isEmpty() ? List.of("[^.]*") : layersPattern;
      return patterns.stream()
          .map(pattern -> pattern(pattern).matcher(modulePath))
          .filter(Matcher::lookingAt)
          .findFirst()
          .map(matcher -> matcher.group("layer").equals(String.valueOf(layer)))
          .orElse(false);
    }

    private static Pattern pattern(String layersPattern) {
      try {
        return Pattern.compile(".*\\." + layersPattern + "\\.(?<layer>\\d+)\\.");
      } catch (PatternSyntaxException e) {
        throw new IllegalArgumentException(
            "layers_pattern: \""
                + layersPattern
                + "\" is not a regular expression: "
                + e.getDescription(),
            e);
      }
    }
  }

  /** {@code targets} but for {@code excluded}: PEFT's {@code exclude_modules}. */
  record Except(TargetModules targets, TargetModules excluded) implements TargetModules {
    @Override
    public boolean matches(String modulePath) {
      return targets.matches(modulePath) && !excluded.matches(modulePath);
    }

    @Override
    public List<String> unmatched(Collection<String> modulePaths) {
      List<String> unmatched = targets.unmatched(modulePaths);
      return unmatched.isEmpty() && modulePaths.stream().noneMatch(this::matches)
          ? List.of("anything but exclude_modules")
          : unmatched;
    }
  }

  /**
   * {@code targets}, restricted as the options say that are not empty.
   *
   * @throws IllegalArgumentException if layers are chosen but the targets are not names
   */
  static TargetModules restricted(
      TargetModules targets,
      List<Integer> layersToTransform,
      List<String> layersPattern,
      Optional<TargetModules> excludeModules) {
    if (layersToTransform.isEmpty() && !layersPattern.isEmpty()) {
      throw new IllegalArgumentException(
          "layers_pattern is " + layersPattern + " without layers_to_transform");
    }
    TargetModules chosen = targets;
    if (!layersToTransform.isEmpty()) {
      if (!(targets instanceof Names names)) {
        throw new IllegalArgumentException(
            "layers_to_transform needs target_modules that is a list of names; choose the layers in"
                + " the regular expression");
      }
      chosen = new InLayers(names, layersToTransform, layersPattern);
    }
    return excludeModules.isPresent() ? new Except(chosen, excludeModules.get()) : chosen;
  }
}
