package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.Sets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Supplier;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.PTuningConfig;
import org.llmadapters.adapters.PrefixConfig;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.adapters.PromptLearning;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.conversion.files.KnownKeys;

/**
 * {@code adapter_config.json} of prefix tuning, prompt tuning and P-tuning, with the keys and
 * defaults of PEFT's {@code PromptLearningConfig} and those derived from it.
 */
final class PromptLearningJson {
  private static final String TEXT = "TEXT";
  private static final String RANDOM = "RANDOM";
  private static final String ENCODER_HIDDEN_SIZE = "encoder_hidden_size";
  private static final String ENCODER_TYPE = "encoder_reparameterization_type";
  private static final String PEFT_VERSION = "peft_version";

  private static final Set<String> SHARED =
      Set.of(
          "peft_type",
          "task_type",
          "base_model_name_or_path",
          "num_virtual_tokens",
          "token_dim",
          "num_layers",
          "num_attention_heads",
          "num_transformer_submodules",
          PEFT_VERSION);

  private static final Map<String, String> UNSUPPORTED =
      Map.of("modules_to_save", "fully trained modules are only supported with LoRA");

  private static final Map<String, String> IGNORED =
      Map.of(
          "inference_mode", "the command says whether to train",
          "auto_mapping", "how PEFT finds the model's class",
          "revision", "where the base came from",
          "init_weights", "initial values of what is trained by now",
          "tokenizer_kwargs", "of the tokenizer of an initial text",
          "tokenizer_name_or_path", "the model's tokenizer reads an initial text");

  private PromptLearningJson() {}

  /** The prefix in {@code fields}, which stand in {@code file}. */
  static PrefixConfig readPrefix(Path file, JsonFields fields) {
    Optional<PromptLearning> prompt = prompt(fields);
    boolean projected = fields.booleanOr("prefix_projection", false);
    int encoderHiddenSize = projected ? fields.requireInt(ENCODER_HIDDEN_SIZE) : 0;
    // BLOOM's files without a version are from the time of the old order.
    PrefixConfig.Layout layout =
        fields.has(PEFT_VERSION)
            ? PrefixConfig.Layout.LAYER_BY_LAYER
            : PrefixConfig.Layout.OLD_TRANSFORMERS;
    return finish(
        file,
        fields,
        Set.of("prefix_projection", ENCODER_HIDDEN_SIZE),
        () ->
            new PrefixConfig(
                prompt.orElseThrow(),
                projected ? OptionalInt.of(encoderHiddenSize) : OptionalInt.empty(),
                layout));
  }

  /** The prompt in {@code fields}, which stand in {@code file}. */
  static PromptConfig readPrompt(Path file, JsonFields fields) {
    Optional<PromptLearning> prompt = prompt(fields);
    boolean fromText = fields.optionalString("prompt_tuning_init").orElse(RANDOM).equals(TEXT);
    Optional<String> text =
        fromText ? fields.optionalString("prompt_tuning_init_text") : Optional.empty();
    return finish(
        file,
        fields,
        Set.of("prompt_tuning_init", "prompt_tuning_init_text"),
        () -> new PromptConfig(prompt.orElseThrow(), text));
  }

  /** The P-tuning in {@code fields}, which stand in {@code file}. */
  static PTuningConfig readPTuning(Path file, JsonFields fields) {
    Optional<PromptLearning> prompt = prompt(fields);
    Optional<PTuningConfig.Encoder> encoder =
        fields.attempt(
            () ->
                PTuningConfig.Encoder.of(
                    fields.optionalString(ENCODER_TYPE).orElse(PTuningConfig.Encoder.MLP.name())));
    int encoderHiddenSize =
        fields.intOr(ENCODER_HIDDEN_SIZE, prompt.map(PromptLearning::tokenDim).orElse(1));
    int encoderNumLayers = fields.intOr("encoder_num_layers", 2);
    double encoderDropout = fields.doubleOr("encoder_dropout", 0);
    return finish(
        file,
        fields,
        Set.of(ENCODER_TYPE, ENCODER_HIDDEN_SIZE, "encoder_num_layers", "encoder_dropout"),
        () ->
            new PTuningConfig(
                prompt.orElseThrow(),
                encoder.orElseThrow(),
                encoderHiddenSize,
                encoderNumLayers,
                encoderDropout));
  }

  private static Optional<PromptLearning> prompt(JsonFields fields) {
    TaskType.requireCausalLm(fields);
    int submodules = fields.intOr("num_transformer_submodules", 1);
    if (submodules != 1) {
      fields.problem(
          "num_transformer_submodules is %d, expected 1: a decoder has no encoder", submodules);
    }
    int numVirtualTokens = fields.requireInt("num_virtual_tokens");
    int numLayers = fields.requireInt("num_layers");
    int tokenDim = fields.requireInt("token_dim");
    int numAttentionHeads = fields.requireInt("num_attention_heads");
    return fields.attempt(
        () -> new PromptLearning(numVirtualTokens, numLayers, tokenDim, numAttentionHeads));
  }

  private static <T> T finish(Path file, JsonFields fields, Set<String> own, Supplier<T> config) {
    KnownKeys keys = new KnownKeys(Sets.union(SHARED, own), UNSUPPORTED, IGNORED);
    keys.refuseUnsupported(fields);
    T built = fields.build(config);
    keys.log(file, fields, keys.unknown(fields));
    return built;
  }

  /** The keys that PEFT writes for a prefix. */
  static ObjectNode write(PrefixConfig config, String baseModelNameOrPath) {
    ObjectNode json = shared(config, config.prompt(), baseModelNameOrPath);
    json.put(ENCODER_HIDDEN_SIZE, config.encoderHiddenSize().orElse(config.prompt().tokenDim()));
    json.put("prefix_projection", config.encoderHiddenSize().isPresent());
    if (config.layout() == PrefixConfig.Layout.LAYER_BY_LAYER) {
      json.put(PEFT_VERSION, "0.21.0");
    }
    return json;
  }

  /** The keys that PEFT writes for a prompt. */
  static ObjectNode write(PromptConfig config, String baseModelNameOrPath) {
    ObjectNode json = shared(config, config.prompt(), baseModelNameOrPath);
    json.put("prompt_tuning_init", config.initText().isPresent() ? TEXT : RANDOM);
    json.put("prompt_tuning_init_text", config.initText().orElse(null));
    json.put("tokenizer_name_or_path", config.initText().isPresent() ? baseModelNameOrPath : null);
    return json;
  }

  /** The keys that PEFT writes for P-tuning. */
  static ObjectNode write(PTuningConfig config, String baseModelNameOrPath) {
    ObjectNode json = shared(config, config.prompt(), baseModelNameOrPath);
    json.put("encoder_dropout", config.encoderDropout());
    json.put(ENCODER_HIDDEN_SIZE, config.encoderHiddenSize());
    json.put("encoder_num_layers", config.encoderNumLayers());
    json.put(ENCODER_TYPE, config.encoder().name());
    return json;
  }

  private static ObjectNode shared(
      AdapterConfig config, PromptLearning prompt, String baseModelNameOrPath) {
    ObjectNode json = Json.object();
    json.putNull("auto_mapping");
    json.put("base_model_name_or_path", baseModelNameOrPath);
    json.put("inference_mode", true);
    json.put("num_attention_heads", prompt.numAttentionHeads());
    json.put("num_layers", prompt.numLayers());
    json.put("num_transformer_submodules", 1);
    json.put("num_virtual_tokens", prompt.numVirtualTokens());
    json.put("peft_type", config.kind().peftType());
    json.putNull("revision");
    json.put("task_type", TaskType.CAUSAL_LM);
    json.put("token_dim", prompt.tokenDim());
    return json;
  }
}
