package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.adapters.Ia3Config;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.KnownKeys;

/** {@code adapter_config.json} of IA3, with the keys and defaults of PEFT's {@code IA3Config}. */
final class Ia3ConfigJson {
  private static final String FEEDFORWARD_MODULES = "feedforward_modules";

  private static final Set<String> READ =
      Set.of(
          "peft_type",
          "task_type",
          "base_model_name_or_path",
          "target_modules",
          "exclude_modules",
          FEEDFORWARD_MODULES);

  private static final Map<String, String> UNSUPPORTED =
      Map.of("modules_to_save", "fully trained modules are only supported with LoRA");

  private static final Map<String, String> IGNORED =
      Map.of(
          "fan_in_fan_out", "the model's layers tell how their weights are stored",
          "inference_mode", "the command says whether to train",
          "init_ia3_weights", "initial values of what is trained by now",
          "auto_mapping", "how PEFT finds the model's class",
          "revision", "where the base came from",
          "peft_version", "what wrote it");

  private static final KnownKeys KEYS = new KnownKeys(READ, UNSUPPORTED, IGNORED);

  private Ia3ConfigJson() {}

  /** The configuration in {@code fields}, which stand in {@code file}. */
  static Ia3Config read(Path file, JsonFields fields) {
    KEYS.refuseUnsupported(fields);
    TaskType.requireCausalLm(fields);
    Optional<TargetModules> targets = TargetModulesJson.read(fields);
    Optional<TargetModules> feedforward =
        fields
            .node(FEEDFORWARD_MODULES)
            .filter(modules -> !modules.isArray() || !modules.isEmpty())
            .flatMap(modules -> feedforward(fields, modules));
    Ia3Config config = fields.build(() -> new Ia3Config(targets.orElseThrow(), feedforward));
    KEYS.log(file, fields, KEYS.unknown(fields));
    return config;
  }

  private static Optional<TargetModules> feedforward(JsonFields fields, JsonNode modules) {
    return fields.attempt(() -> TargetModulesJson.modules(modules));
  }

  /** The keys that PEFT writes. */
  static ObjectNode write(Ia3Config config, String baseModelNameOrPath) {
    ObjectNode json = Json.object();
    json.putNull("auto_mapping");
    json.put("base_model_name_or_path", baseModelNameOrPath);
    json.put("fan_in_fan_out", false);
    if (config.feedforwardModules().isPresent()) {
      TargetModulesJson.putModules(json, FEEDFORWARD_MODULES, config.feedforwardModules().get());
    } else {
      json.putArray(FEEDFORWARD_MODULES);
    }
    json.put("inference_mode", true);
    json.put("init_ia3_weights", true);
    json.putNull("modules_to_save");
    json.put("peft_type", config.kind().peftType());
    json.putNull("revision");
    TargetModulesJson.write(json, config.targetModules());
    json.put("task_type", TaskType.CAUSAL_LM);
    return json;
  }
}
