package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.files.JsonFields;

/** {@code target_modules} of {@code adapter_config.json}. */
final class TargetModulesJson {
  private TargetModulesJson() {}

  /** The targets that {@code fields} names; empty, with a problem noted, if they cannot be used. */
  static Optional<TargetModules> read(JsonFields fields) {
    Optional<JsonNode> node = fields.node("target_modules");
    if (node.isEmpty()) {
      fields.problem("target_modules is missing");
      return Optional.empty();
    }
    return fields.attempt(
        () ->
            node.get().isTextual()
                ? new TargetModules.Regex(node.get().textValue())
                : new TargetModules.Names(strings(node.get())));
  }

  private static List<String> strings(JsonNode node) {
    List<String> strings = new ArrayList<>();
    node.forEach(element -> strings.add(element.isTextual() ? element.textValue() : ""));
    return strings;
  }

  /** Puts {@code targets} into {@code json}. */
  static void write(ObjectNode json, TargetModules targets) {
    if (targets instanceof TargetModules.Regex regex) {
      json.put("target_modules", regex.regex());
    } else if (targets instanceof TargetModules.Names names) {
      names.names().forEach(json.putArray("target_modules")::add);
    }
  }
}
