package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.KnownKeys;

/**
 * {@code adapter_config.json} of LoRA, with the keys and defaults of PEFT's {@code LoraConfig} and
 * those of LLM-Adapters' older one, whose {@code enable_lora} is read as {@link FusedLora} says.
 */
final class LoraConfigJson {
  private static final String INIT = "init_lora_weights";

  private static final Set<String> READ =
      Set.of(
          "peft_type",
          "task_type",
          "base_model_name_or_path",
          "r",
          "lora_alpha",
          "lora_dropout",
          "use_rslora",
          "use_dora",
          "rank_pattern",
          "alpha_pattern",
          "target_modules",
          "layers_to_transform",
          "layers_pattern",
          "exclude_modules",
          "bias",
          "enable_lora",
          "modules_to_save",
          INIT);

  /** What LLM-Adapters, which has {@code enable_lora}, does not have. */
  private static final List<String> NOT_WITH_ENABLE_LORA =
      List.of("use_rslora", "use_dora", "rank_pattern", "alpha_pattern");

  /** Keys that would change the computation unless they are absent, null, false or empty. */
  private static final Map<String, String> UNSUPPORTED =
      Map.ofEntries(
          Map.entry("use_qalora", "QA-LoRA is not supported"),
          Map.entry("use_bdlora", "block-diagonal LoRA is not supported"),
          Map.entry("lora_bias", "a bias of lora_B is not supported yet"),
          Map.entry("layer_replication", "replicated layers are not supported"),
          Map.entry("target_parameters", "parameters as targets are not supported"),
          Map.entry("trainable_token_indices", "trained tokens are not supported"),
          Map.entry("alora_invocation_tokens", "activated LoRA is not supported"),
          Map.entry("megatron_config", "Megatron's layers are not supported"),
          Map.entry("arrow_config", "Arrow routing is not supported"),
          Map.entry("kasa_config", "KaSA is not supported"),
          Map.entry("velora_config", "VeLoRA is not supported"),
          Map.entry("monteclora_config", "MonteCLoRA is not supported"));

  /** Keys without effect on what a trained adapter computes, and why. */
  private static final Map<String, String> IGNORED =
      Map.ofEntries(
          Map.entry("fan_in_fan_out", "the model's layers tell how their weights are stored"),
          Map.entry("inference_mode", "the command says whether to train"),
          Map.entry("auto_mapping", "how PEFT finds the model's class"),
          Map.entry("revision", "where the base came from"),
          Map.entry("peft_version", "what wrote it"),
          Map.entry("merge_weights", "when LLM-Adapters merges; the sums are the same"),
          Map.entry("loftq_config", "only with init_lora_weights loftq"),
          Map.entry("eva_config", "only with init_lora_weights eva"),
          Map.entry("corda_config", "only with init_lora_weights corda"),
          Map.entry("lora_ga_config", "only with init_lora_weights lora_ga"),
          Map.entry("megatron_core", "only with megatron_config"),
          Map.entry("qalora_group_size", "only with use_qalora"),
          Map.entry("ensure_weight_tying", "only with modules_to_save"),
          Map.entry("runtime_config", "how PEFT runs"));

  /** Initial values of the adapter alone; all others change the base's weights with it. */
  private static final Set<String> INITIALIZATIONS =
      Set.of("true", "false", "gaussian", "orthogonal", "eva");

  private static final KnownKeys KEYS = new KnownKeys(READ, UNSUPPORTED, IGNORED);

  private LoraConfigJson() {}

  /** The configuration in {@code fields}, which stand in {@code file}. */
  static LoraConfig read(Path file, JsonFields fields) {
    KEYS.refuseUnsupported(fields);
    Optional<TrainedBias> bias =
        fields.attempt(
            () -> TrainedBias.of(fields.optionalString("bias").orElse("none"), AdapterKind.LORA));
    requireOneOf(fields, "task_type", Set.of("CAUSAL_LM"), "CAUSAL_LM", "no other is supported");
    requireOneOf(
        fields,
        INIT,
        INITIALIZATIONS,
        "true",
        "it changes the base model, too; let PEFT convert the adapter to plain LoRA when it saves"
            + " it (path_initial_model_for_weight_conversion)");
    Optional<FusedLora> fused = FusedLora.read(fields);
    if (fused.isPresent()) {
      NOT_WITH_ENABLE_LORA.stream()
          .flatMap(key -> fields.node(key).filter(KnownKeys::isSet).map(value -> key).stream())
          .forEach(key -> fields.problem("%s cannot be combined with enable_lora", key));
    }
    int parts = fused.map(FusedLora::enabled).orElse(1);
    int r = (int) Math.min(Integer.MAX_VALUE, (long) parts * fields.intOr("r", 8));
    double loraAlpha = parts * fields.doubleOr("lora_alpha", 8);
    double loraDropout = fields.doubleOr("lora_dropout", 0);
    boolean useRslora = fields.booleanOr("use_rslora", false);
    boolean useDora = fields.booleanOr("use_dora", false);
    Optional<TargetModules> targets = TargetModulesJson.read(fields);
    Map<String, Integer> rankPattern = pattern(fields, "rank_pattern", JsonFields::requireInt);
    Map<String, Double> alphaPattern = pattern(fields, "alpha_pattern", JsonFields::requireDouble);
    LoraConfig config =
        fields.build(
            () ->
                new LoraConfig(
                    r,
                    loraAlpha,
                    useRslora,
                    loraDropout,
                    targets.orElseThrow(),
                    new LoraPatterns(rankPattern, alphaPattern),
                    new LoraVariant(
                        useDora,
                        init(fields),
                        bias.orElseThrow(),
                        TargetModulesJson.names(fields, "modules_to_save"))));
    KEYS.log(file, fields, KEYS.unknown(fields));
    return config;
  }

  /** How it started; of what is read, only {@code eva} is no way that we start one. */
  private static LoraInit init(JsonFields fields) {
    String name = fields.node(INIT).map(JsonNode::asText).orElse(LoraInit.DEFAULT.fileName());
    return name.equals("eva") ? LoraInit.DEFAULT : LoraInit.of(name);
  }

  private static void requireOneOf(
      JsonFields fields, String key, Set<String> allowed, String absent, String reason) {
    String value = fields.node(key).map(JsonNode::asText).orElse(absent);
    if (!allowed.contains(value)) {
      fields.problem("%s is \"%s\": %s", key, value, reason);
    }
  }

  /** The object called {@code name}, in its order. */
  private static <T> Map<String, T> pattern(
      JsonFields fields, String name, BiFunction<JsonFields, String, T> value) {
    Map<String, T> pattern = new LinkedHashMap<>();
    fields
        .object(name)
        .ifPresent(
            values -> values.names().forEach(key -> pattern.put(key, value.apply(values, key))));
    return pattern;
  }

  /**
   * The keys that PEFT 0.5 writes, and those of later versions that are set; the rest have their
   * defaults.
   */
  static ObjectNode write(LoraConfig config, String baseModelNameOrPath) {
    ObjectNode json = Json.object();
    json.putNull("auto_mapping");
    json.put("base_model_name_or_path", baseModelNameOrPath);
    json.put("bias", config.variant().bias().fileName(config.kind()));
    json.put("fan_in_fan_out", false);
    json.put("inference_mode", true);
    putInit(json, config.variant().init());
    putAlpha(json, "lora_alpha", config.loraAlpha());
    json.put("lora_dropout", config.loraDropout());
    TargetModulesJson.putNames(json, "modules_to_save", config.variant().modulesToSave());
    json.put("peft_type", config.kind().peftType());
    json.put("r", config.r());
    json.putNull("revision");
    TargetModulesJson.write(json, config.targetModules());
    json.put("task_type", "CAUSAL_LM");
    LoraPatterns patterns = config.patterns();
    if (!patterns.rank().isEmpty()) {
      ObjectNode ranks = json.putObject("rank_pattern");
      patterns.rank().forEach(ranks::put);
    }
    if (!patterns.alpha().isEmpty()) {
      ObjectNode alphas = json.putObject("alpha_pattern");
      patterns.alpha().forEach((module, alpha) -> putAlpha(alphas, module, alpha));
    }
    if (config.useDora()) {
      json.put("use_dora", true);
    }
    if (config.useRslora()) {
      json.put("use_rslora", true);
    }
    return json;
  }

  private static void putInit(ObjectNode json, LoraInit init) {
    switch (init.scheme()) {
      case KAIMING -> json.put(INIT, true);
      case RANDOM -> json.put(INIT, false);
      case GAUSSIAN, ORTHOGONAL, PISSA, OLORA -> json.put(INIT, init.fileName());
    }
  }

  /** As an integer if it is one, since PEFT declares an int. */
  private static void putAlpha(ObjectNode json, String name, double alpha) {
    if (alpha == Math.rint(alpha)) {
      json.put(name, (long) alpha);
    } else {
      json.put(name, alpha);
    }
  }
}
