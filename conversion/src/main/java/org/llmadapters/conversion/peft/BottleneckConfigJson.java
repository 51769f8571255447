package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.adapters.BottleneckConfig.Placement;
import org.llmadapters.adapters.BottleneckVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.KnownKeys;
import org.llmadapters.graph.spec.Activation;

/**
 * {@code adapter_config.json} of bottleneck adapters, with the keys and defaults of LLM-Adapters'
 * {@code BottleneckConfig}. Where {@code use_parallel_adapter} is true, {@code use_adapterp} has no
 * effect.
 */
final class BottleneckConfigJson {
  private static final String LEARNED = "learned";

  private static final Set<String> READ =
      Set.of(
          "peft_type",
          "task_type",
          "base_model_name_or_path",
          "bottleneck_size",
          "non_linearity",
          "adapter_dropout",
          "target_modules",
          "use_parallel_adapter",
          "use_adapterp",
          "scaling",
          "bias",
          "init_weights");

  /** Keys that would change the computation unless they are absent, null, false or empty. */
  private static final Map<String, String> UNSUPPORTED =
      Map.of(
          "modules_to_save", "fully trained modules are not supported yet",
          "layers_to_transform", "a choice of layers is not supported",
          "exclude_modules", "excluded modules are not supported");

  private static final Map<String, String> IGNORED =
      Map.of("inference_mode", "the command says whether to train");

  private static final KnownKeys KEYS = new KnownKeys(READ, UNSUPPORTED, IGNORED);

  private BottleneckConfigJson() {}

  /** The configuration in {@code fields}, which stand in {@code file}. */
  static BottleneckConfig read(Path file, JsonFields fields) {
    KEYS.refuseUnsupported(fields);
    requireValue(fields, "task_type", "CAUSAL_LM", "no other is supported");
    int bottleneckSize = fields.intOr("bottleneck_size", 256);
    Optional<Activation> nonLinearity =
        fields.attempt(
            () ->
                BottleneckConfig.nonLinearity(
                    fields.optionalString("non_linearity").orElse("tanh")));
    double adapterDropout = fields.doubleOr("adapter_dropout", 0);
    OptionalDouble scaling = scaling(fields);
    Optional<InitWeights> initWeights =
        fields.attempt(
            () ->
                InitWeights.of(
                    fields.optionalString("init_weights").orElse(InitWeights.BERT.fileName())));
    Optional<TrainedBias> bias =
        fields.attempt(
            () -> TrainedBias.of(fields.optionalString("bias").orElse("none"), AdapterKind.SERIES));
    boolean parallel = fields.booleanOr("use_parallel_adapter", false);
    boolean adapterp = fields.booleanOr("use_adapterp", false);
    Placement placement =
        parallel ? Placement.PARALLEL : adapterp ? Placement.ADAPTER_P : Placement.ADAPTER_H;
    Optional<TargetModules> targets = TargetModulesJson.readModules(fields);
    BottleneckConfig config =
        fields.build(
            () ->
                new BottleneckConfig(
                    bottleneckSize,
                    nonLinearity.orElseThrow(),
                    adapterDropout,
                    scaling,
                    new BottleneckVariant(initWeights.orElseThrow(), bias.orElseThrow()),
                    placement,
                    targets.orElseThrow()));
    KEYS.log(file, fields, KEYS.unknown(fields));
    return config;
  }

  private static OptionalDouble scaling(JsonFields fields) {
    Optional<JsonNode> node = fields.node("scaling");
    if (node.isPresent() && node.get().isTextual()) {
      if (!node.get().textValue().equals(LEARNED)) {
        fields.problem(
            "scaling must be a number or \"learned\", got \"%s\"", node.get().textValue());
      }
      return OptionalDouble.empty();
    }
    return OptionalDouble.of(fields.doubleOr("scaling", 1));
  }

  private static void requireValue(JsonFields fields, String key, String value, String reason) {
    fields
        .node(key)
        .filter(node -> !node.asText().equals(value))
        .ifPresent(node -> fields.problem("%s is %s: %s", key, Json.describe(node), reason));
  }

  /** The keys that LLM-Adapters writes. */
  static ObjectNode write(BottleneckConfig config, String baseModelNameOrPath) {
    ObjectNode json = Json.object();
    json.put("adapter_dropout", config.adapterDropout());
    json.put("base_model_name_or_path", baseModelNameOrPath);
    json.put("bias", config.variant().bias().fileName(config.kind()));
    json.put("bottleneck_size", config.bottleneckSize());
    json.put("inference_mode", true);
    json.put("init_weights", config.variant().initWeights().fileName());
    json.putNull("modules_to_save");
    json.put("non_linearity", config.nonLinearity().hfName());
    json.put("peft_type", config.kind().peftType());
    if (config.scaling().isPresent()) {
      // Not as an integer, which LLM-Adapters does not take for a scale.
      json.put("scaling", config.scaling().getAsDouble());
    } else {
      json.put("scaling", LEARNED);
    }
    TargetModulesJson.writeModules(json, config.targetModules());
    json.put("task_type", "CAUSAL_LM");
    json.put("use_adapterp", config.placement() == Placement.ADAPTER_P);
    json.put("use_parallel_adapter", config.placement() == Placement.PARALLEL);
    return json;
  }
}
