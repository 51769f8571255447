package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;

/**
 * The keys of {@code adapter_config.json} that say which modules get an adapter: {@code
 * target_modules}, {@code layers_to_transform}, {@code layers_pattern} and {@code exclude_modules}.
 */
final class TargetModulesJson {
  private TargetModulesJson() {}

  /** {@code target_modules} alone; empty, with a problem noted, if it cannot be used. */
  static Optional<TargetModules> readModules(JsonFields fields) {
    Optional<JsonNode> node = fields.node("target_modules");
    if (node.isEmpty()) {
      fields.problem("target_modules is missing");
      return Optional.empty();
    }
    return fields.attempt(() -> targets(node.get()));
  }

  /** The targets by all four keys; empty, with problems noted, if they cannot be used. */
  static Optional<TargetModules> read(JsonFields fields) {
    Optional<TargetModules> targets = readModules(fields);
    List<Integer> layers = fields.ints("layers_to_transform");
    List<String> layersPattern = names(fields, "layers_pattern");
    Optional<TargetModules> excluded =
        fields
            .node("exclude_modules")
            .filter(modules -> !modules.isArray() || !modules.isEmpty())
            .flatMap(modules -> fields.attempt(() -> excluded(modules)));
    return targets.flatMap(
        modules ->
            fields.attempt(
                () -> TargetModules.restricted(modules, layers, layersPattern, excluded)));
  }

  private static TargetModules targets(JsonNode node) {
    return node.isTextual() && node.textValue().equals(TargetModules.AllLinear.NAME)
        ? new TargetModules.AllLinear()
        : modules(node);
  }

  private static TargetModules excluded(JsonNode node) {
    try {
      return modules(node);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "exclude_modules is "
              + Json.describe(node)
              + ", expected a list of module names or a regular expression",
          e);
    }
  }

  /** The modules that one key names: a list of names or a regular expression. */
  static TargetModules modules(JsonNode node) {
    return node.isTextual()
        ? new TargetModules.Regex(node.textValue())
        : new TargetModules.Names(strings(node));
  }

  /** The names under {@code key}: a list, or one as a string; empty if it is absent. */
  static List<String> names(JsonFields fields, String key) {
    Optional<JsonNode> node = fields.node(key);
    if (node.isPresent() && !node.get().isTextual() && !node.get().isArray()) {
      fields.problem("%s must be a list of names, got %s", key, Json.describe(node.get()));
    }
    return node.map(TargetModulesJson::strings).orElse(List.of());
  }

  /** Puts the names under {@code key}, or null if there are none. */
  static void putNames(ObjectNode json, String key, List<String> names) {
    if (names.isEmpty()) {
      json.putNull(key);
    } else {
      names.forEach(json.putArray(key)::add);
    }
  }

  /** A string, or a list of them, where "" stands for what is none. */
  private static List<String> strings(JsonNode node) {
    if (node.isTextual()) {
      return List.of(node.textValue());
    }
    List<String> strings = new ArrayList<>();
    node.forEach(element -> strings.add(element.isTextual() ? element.textValue() : ""));
    return strings;
  }

  /** Puts the keys for {@code targets} into {@code json}. */
  static void write(ObjectNode json, TargetModules targets) {
    TargetModules chosen = targets;
    if (chosen instanceof TargetModules.Except except) {
      putModules(json, "exclude_modules", except.excluded());
      chosen = except.targets();
    }
    json.putNull("layers_pattern");
    json.putNull("layers_to_transform");
    if (chosen instanceof TargetModules.InLayers inLayers) {
      inLayers.layers().forEach(json.putArray("layers_to_transform")::add);
      if (!inLayers.layersPattern().isEmpty()) {
        inLayers.layersPattern().forEach(json.putArray("layers_pattern")::add);
      }
      chosen = inLayers.targets();
    }
    putModules(json, "target_modules", chosen);
  }

  /**
   * Puts {@code target_modules} alone into {@code json}.
   *
   * @throws IllegalArgumentException if that does not say all of {@code targets}
   */
  static void writeModules(ObjectNode json, TargetModules targets) {
    putModules(json, "target_modules", targets);
  }

  /** Puts one key that names modules into {@code json}. */
  static void putModules(ObjectNode json, String name, TargetModules modules) {
    if (modules instanceof TargetModules.Regex regex) {
      json.put(name, regex.regex());
    } else if (modules instanceof TargetModules.Names names) {
      names.names().forEach(json.putArray(name)::add);
    } else if (modules instanceof TargetModules.AllLinear) {
      json.put(name, TargetModules.AllLinear.NAME);
    } else {
      throw new IllegalArgumentException(name + ": " + modules + " cannot be written");
    }
  }
}
