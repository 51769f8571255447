package org.llmadapters.conversion.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.Ia3Config;
import org.llmadapters.adapters.PTuningConfig;
import org.llmadapters.adapters.PrefixConfig;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.adapters.PromptLearning;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.graph.FormatException;

/** {@code adapter_config.json} of prefix, prompt, P-tuning and IA3, against files of PEFT 0.5. */
final class PromptLearningJsonTest {
  private static final String SIZES =
      ",\"num_virtual_tokens\":5,\"num_layers\":2,\"token_dim\":32,\"num_attention_heads\":4";

  private static final PromptLearning PROMPT = new PromptLearning(5, 2, 32, 4);

  @TempDir Path directory;

  private static AdapterConfig read(Path file) throws IOException {
    return AdapterConfigJson.read(file, JsonFields.of(file, Json.readObject(file)));
  }

  private Path file(String type, String fields) throws IOException {
    return Files.writeString(
        directory.resolve("adapter_config.json"), "{\"peft_type\":\"" + type + "\"" + fields + "}");
  }

  private static Path resource(String name) throws URISyntaxException {
    String path = "/peft/" + name + "/adapter_config.json";
    return Path.of(Objects.requireNonNull(PromptLearningJsonTest.class.getResource(path)).toURI());
  }

  @ParameterizedTest
  @ValueSource(strings = {"prefix", "prefix-proj", "prompt", "ptuning", "ia3"})
  void writesWhatPeftWrites(String name) throws IOException, URISyntaxException {
    Path file = resource(name);
    ObjectNode written = AdapterConfigJson.write(read(file), "tiny-llama");
    written.remove(List.of("layers_pattern", "layers_to_transform"));
    assertThat(written).isEqualTo(Json.readObject(file));
  }

  @Test
  void readsAPrefix() throws IOException {
    assertThat(read(file("PREFIX_TUNING", SIZES + ",\"encoder_hidden_size\":32")))
        .isEqualTo(
            new PrefixConfig(PROMPT, OptionalInt.empty(), PrefixConfig.Layout.OLD_TRANSFORMERS));
    String later =
        ",\"prefix_projection\":true,\"encoder_hidden_size\":24,\"peft_version\":\"0.18.0\"";
    assertThat(read(file("PREFIX_TUNING", SIZES + later)))
        .isEqualTo(
            new PrefixConfig(PROMPT, OptionalInt.of(24), PrefixConfig.Layout.LAYER_BY_LAYER));
  }

  @Test
  void readsAPrompt() throws IOException {
    assertThat(read(file("PROMPT_TUNING", SIZES)))
        .isEqualTo(new PromptConfig(PROMPT, Optional.empty()));
    String text = ",\"prompt_tuning_init\":\"TEXT\",\"prompt_tuning_init_text\":\"Add them:\"";
    assertThat(read(file("PROMPT_TUNING", SIZES + text)))
        .isEqualTo(new PromptConfig(PROMPT, Optional.of("Add them:")));
  }

  @Test
  void readsPTuning() throws IOException {
    String options =
        ",\"encoder_reparameterization_type\":\"LSTM\",\"encoder_hidden_size\":24,"
            + "\"encoder_num_layers\":3,\"encoder_dropout\":0.25";
    assertThat(read(file("P_TUNING", SIZES + options)))
        .isEqualTo(new PTuningConfig(PROMPT, PTuningConfig.Encoder.LSTM, 24, 3, 0.25));
  }

  @Test
  void readsIa3() throws IOException {
    TargetModules targets = TargetModules.of("k_proj", "down_proj");
    String modules = ",\"target_modules\":[\"k_proj\",\"down_proj\"]";
    assertThat(read(file("IA3", modules + ",\"feedforward_modules\":\".*down_proj\"")))
        .isEqualTo(new Ia3Config(targets, Optional.of(new TargetModules.Regex(".*down_proj"))));
    assertThat(read(file("IA3", modules + ",\"feedforward_modules\":[]")))
        .isEqualTo(new Ia3Config(targets, Optional.empty()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "PREFIX_TUNING | \"num_virtual_tokens\":0 | num_virtual_tokens must be between 1 and 65536,"
            + " got 0",
        "PREFIX_TUNING | \"prefix_projection\":true | encoder_hidden_size is missing",
        "PROMPT_TUNING | \"num_transformer_submodules\":2 | num_transformer_submodules is 2,"
            + " expected 1: a decoder has no encoder",
        "PROMPT_TUNING | \"task_type\":\"SEQ_CLS\" | task_type is \"SEQ_CLS\", expected"
            + " \"CAUSAL_LM\": no other is supported",
        "PROMPT_TUNING | \"modules_to_save\":[\"x\"] | modules_to_save is [\"x\"]: fully trained"
            + " modules are only supported with LoRA",
        "P_TUNING | \"encoder_reparameterization_type\":\"GRU\" | encoder_reparameterization_type"
            + " must be one of MLP, LSTM, got \"GRU\"",
        "P_TUNING | \"encoder_hidden_size\":0 | encoder_hidden_size must be between 1 and 131072,"
            + " got 0",
        "P_TUNING | \"encoder_dropout\":1 | encoder_dropout must be in [0, 1), got 1.0"
      })
  void refusesWhatItCannotCompute(String type, String field, String problem) throws IOException {
    String name = field.substring(0, field.indexOf(':'));
    String others = SIZES.contains(name) ? SIZES.replaceAll("," + name + ":\\d+", "") : SIZES;
    Path file = file(type, others + "," + field);
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": 1 value cannot be used\n  " + problem);
  }
}
