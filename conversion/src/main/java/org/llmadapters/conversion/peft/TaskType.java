package org.llmadapters.conversion.peft;

import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;

/** {@code task_type} of {@code adapter_config.json}. */
final class TaskType {
  /** The one that is supported. */
  static final String CAUSAL_LM = "CAUSAL_LM";

  private TaskType() {}

  /** Notes a problem if there is another one. */
  static void requireCausalLm(JsonFields fields) {
    fields
        .node("task_type")
        .filter(node -> !node.asText().equals(CAUSAL_LM))
        .ifPresent(
            node ->
                fields.problem(
                    "task_type is %s, expected \"%s\": no other is supported",
                    Json.describe(node), CAUSAL_LM));
  }
}
