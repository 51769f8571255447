package org.llmadapters.conversion.peft;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.Ia3Config;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.PTuningConfig;
import org.llmadapters.adapters.PrefixConfig;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.graph.FormatException;

/**
 * {@code adapter_config.json} of each kind. Kinds with the same {@code peft_type} share a format.
 *
 * @param reader of the fields in a file
 * @param writer of a configuration, for a base model of that name
 */
record AdapterConfigJson(
    BiFunction<Path, JsonFields, AdapterConfig> reader,
    BiFunction<AdapterConfig, String, ObjectNode> writer) {

  private static AdapterConfigJson of(AdapterKind kind) {
    return switch (kind) {
      case LORA ->
          new AdapterConfigJson(
              LoraConfigJson::read,
              (config, base) -> LoraConfigJson.write((LoraConfig) config, base));
      case SERIES, PARALLEL ->
          new AdapterConfigJson(
              BottleneckConfigJson::read,
              (config, base) -> BottleneckConfigJson.write((BottleneckConfig) config, base));
      case IA3 ->
          new AdapterConfigJson(
              Ia3ConfigJson::read, (config, base) -> Ia3ConfigJson.write((Ia3Config) config, base));
      case PREFIX ->
          new AdapterConfigJson(
              PromptLearningJson::readPrefix,
              (config, base) -> PromptLearningJson.write((PrefixConfig) config, base));
      case PROMPT ->
          new AdapterConfigJson(
              PromptLearningJson::readPrompt,
              (config, base) -> PromptLearningJson.write((PromptConfig) config, base));
      case P_TUNING ->
          new AdapterConfigJson(
              PromptLearningJson::readPTuning,
              (config, base) -> PromptLearningJson.write((PTuningConfig) config, base));
    };
  }

  /** The configuration in {@code fields}, which stand in {@code file}. */
  static AdapterConfig read(Path file, JsonFields fields) {
    String peftType = fields.requireString("peft_type");
    fields.throwIfAny();
    return Arrays.stream(AdapterKind.values())
        .filter(kind -> kind.peftType().equals(peftType))
        .findFirst()
        .map(kind -> of(kind).reader().apply(file, fields))
        .orElseThrow(
            () ->
                new FormatException(
                    file,
                    "peft_type \"%s\" is not supported; supported: %s",
                    peftType,
                    Arrays.stream(AdapterKind.values())
                        .map(AdapterKind::peftType)
                        .distinct()
                        .collect(Collectors.joining(", "))));
  }

  /** The JSON of {@code config}. */
  static ObjectNode write(AdapterConfig config, String baseModelNameOrPath) {
    return of(config.kind()).writer().apply(config, baseModelNameOrPath);
  }
}
