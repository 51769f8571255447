package org.llmadapters.conversion.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.graph.FormatException;

/** Against an adapter that PEFT 0.5 wrote: r 4 on q_proj and v_proj of two layers of width 32. */
final class PeftAdapterTest {
  private static final String A0 = "model.layers.0.self_attn.q_proj.lora_A.weight";

  @TempDir Path directory;

  private static Path golden(String name) throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(PeftAdapterTest.class.getResource("/peft/" + name)).toURI());
  }

  private static AdapterParameter parameter(String name, long... shape) {
    List<Long> sizes = new ArrayList<>();
    for (long size : shape) {
      sizes.add(size);
    }
    return new AdapterParameter(name, sizes, new Initializer.Zeros());
  }

  private static List<AdapterParameter> parameters() {
    List<AdapterParameter> parameters = new ArrayList<>();
    for (int layer = 0; layer < 2; layer++) {
      for (String module : List.of("q_proj", "v_proj")) {
        String path = "model.layers." + layer + ".self_attn." + module;
        parameters.add(parameter(path + ".lora_A.weight", 4, 32));
        parameters.add(parameter(path + ".lora_B.weight", 32, 4));
      }
    }
    return parameters;
  }

  private Path configured(String fields) throws IOException, URISyntaxException {
    ObjectNode json = Json.readObject(golden("lora").resolve("adapter_config.json"));
    Path edit = Files.writeString(directory.resolve("edit.json"), "{" + fields + "}");
    json.setAll(Json.readObject(edit));
    Json.write(directory.resolve("adapter_config.json"), json);
    Files.deleteIfExists(directory.resolve("adapter_model.safetensors"));
    Files.copy(
        golden("lora").resolve("adapter_model.safetensors"),
        directory.resolve("adapter_model.safetensors"));
    return directory;
  }

  @Test
  void readsAnAdapterOfPeft() throws IOException, URISyntaxException {
    try (PeftAdapter adapter = PeftAdapter.read(golden("lora"))) {
      assertThat(adapter.config())
          .isEqualTo(new LoraConfig(4, 8, 0, TargetModules.of("q_proj", "v_proj")));
      assertThat(adapter.baseModelNameOrPath()).contains("tiny-llama");
      adapter.check(parameters(), "llama (hidden_size=32)");
      assertThat(adapter.tensors()).hasSize(8);
      assertThat(adapter.tensor(A0)).hasSize(4 * 32).doesNotContain(Float.NaN);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"lora-peft-new", "lla-lora"})
  void readsTheConfigurationsOfOtherVersions(String name) throws IOException, URISyntaxException {
    Files.copy(
        golden(name).resolve("adapter_config.json"), directory.resolve("adapter_config.json"));
    Files.copy(
        golden("lora").resolve("adapter_model.safetensors"),
        directory.resolve("adapter_model.safetensors"));
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      assertThat(adapter.config())
          .isEqualTo(new LoraConfig(4, 8, 0, TargetModules.of("q_proj", "v_proj")));
    }
  }

  @Test
  void readsARegularExpressionAndUnknownKeys() throws IOException, URISyntaxException {
    Path edited =
        configured(
            "\"target_modules\":\".*self_attn.*\",\"lora_alpha\":3.5,\"lora_dropout\":0.1,"
                + "\"init_lora_weights\":\"gaussian\",\"a_later_key\":1");
    try (PeftAdapter adapter = PeftAdapter.read(edited)) {
      assertThat(adapter.config())
          .isEqualTo(
              new LoraConfig(
                  4,
                  3.5,
                  false,
                  0.1,
                  new TargetModules.Regex(".*self_attn.*"),
                  LoraPatterns.NONE,
                  new LoraVariant(false, LoraInit.of("gaussian"), TrainedBias.NONE)));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"use_rslora\":true",
        "\"use_dora\":true",
        "\"rank_pattern\":{\"v_proj\":2,\"layers.1.q_proj\":5}",
        "\"alpha_pattern\":{\"v_proj\":2.5,\"q_proj\":4}",
        "\"modules_to_save\":[\"lm_head\",\"embed_tokens\"]",
        "\"layers_to_transform\":1",
        "\"layers_to_transform\":[0,1],\"layers_pattern\":\"layers\"",
        "\"exclude_modules\":\".*\\\\.1\\\\..*\",\"target_modules\":\"all-linear\"",
        "\"exclude_modules\":[\"k_proj\"],\"layers_to_transform\":[1]",
      })
  void readsBackWhatItWrites(String field) throws IOException, URISyntaxException {
    AdapterConfig config;
    try (PeftAdapter adapter = PeftAdapter.read(configured(field))) {
      config = adapter.config();
    }
    try (PeftAdapter plain = PeftAdapter.read(golden("lora"))) {
      assertThat(config).isNotEqualTo(plain.config());
    }
    PeftAdapter.write(
        directory, config, "tiny-llama", List.of(parameter(A0, 1)), p -> new float[1]);
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      assertThat(adapter.config()).isEqualTo(config);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"bias\":\"lora\" | bias must be none, lora_only or all, got \"lora\"",
        "\"modules_to_save\":[3] | modules_to_save must be a list of module names, got []",
        "\"modules_to_save\":true | modules_to_save must be a list of names, got true",
        "\"enable_lora\":[false,false] | enable_lora must have 1 to 16 parts, one of them true, got"
            + " [false, false]",
        "\"enable_lora\":[] | enable_lora must have 1 to 16 parts, one of them true, got []",
        "\"enable_lora\":[true,1] | enable_lora must be a list of true and false, got [true,1]",
        "\"enable_lora\":true | enable_lora must be a list of true and false, got true",
        "\"enable_lora\":[true],\"use_dora\":true | use_dora cannot be combined with enable_lora",
        "\"init_lora_weights\":\"pissa\" | init_lora_weights is \"pissa\": it changes the base"
            + " model, too; let PEFT convert the adapter to plain LoRA when it saves it"
            + " (path_initial_model_for_weight_conversion)",
        "\"task_type\":\"SEQ_CLS\" | task_type is \"SEQ_CLS\": no other is supported",
        "\"target_modules\":null | target_modules is missing",
        "\"target_modules\":[3] | target_modules must be a list of module names, got []",
        "\"exclude_modules\":[3] | exclude_modules is [3], expected a list of module names or a"
            + " regular expression",
        "\"layers_to_transform\":[1.5] | layers_to_transform must be an integer below 2^31, got"
            + " 1.5",
        "\"layers_to_transform\":[-1] | layers_to_transform must be a list of layers, the first"
            + " of which is 0, got [-1]",
        "\"layers_pattern\":\"h\" | layers_pattern is [h] without layers_to_transform",
        "\"rank_pattern\":{\"q_proj\":\"x\"} | rank_pattern.q_proj must be an integer below 2^31,"
            + " got \"x\"",
        "\"rank_pattern\":{\"q_proj\":0} | rank_pattern, q_proj must be between 1 and 65536, got 0",
        "\"alpha_pattern\":[1] | alpha_pattern must be an object, got [1]",
        "\"use_rslora\":1 | use_rslora must be true or false, got 1",
        "\"r\":0 | r must be between 1 and 65536, got 0",
        "\"r\":\"4\" | r must be an integer below 2^31, got \"4\"",
        "\"lora_dropout\":1 | lora_dropout must be in [0, 1), got 1.0",
      })
  void refusesWhatItCannotCompute(String field, String problem)
      throws IOException, URISyntaxException {
    Path edited = configured(field);
    assertThatThrownBy(() -> PeftAdapter.read(edited))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            edited.resolve("adapter_config.json") + ": 1 value cannot be used\n  " + problem);
  }

  @Test
  void namesTheSupportedKinds() throws IOException, URISyntaxException {
    Path edited = configured("\"peft_type\":\"OFT\"");
    assertThatThrownBy(() -> PeftAdapter.read(edited))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            edited.resolve("adapter_config.json")
                + ": peft_type \"OFT\" is not supported; supported: LORA, BOTTLENECK, IA3,"
                + " PREFIX_TUNING, PROMPT_TUNING, P_TUNING");
  }

  @Test
  void listsAllTensorsThatDoNotFit() throws IOException {
    List<AdapterParameter> written =
        List.of(parameter(A0, 2, 3), parameter(A0.replace("q_proj", "qproj"), 2, 3));
    write(written, new HashMap<>());
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      assertThatThrownBy(
              () ->
                  adapter.check(
                      List.of(parameter(A0, 2, 4), parameter("model.x.lora_A.weight", 2, 4)),
                      "llama (hidden_size=4)"))
          .isInstanceOf(FormatException.class)
          .hasMessage(
              directory.resolve("adapter_model.safetensors")
                  + ": 3 tensors do not fit llama (hidden_size=4)\n"
                  + "  model.layers.0.self_attn.q_proj.lora_A.weight: shape [2, 3], expected [2,"
                  + " 4]\n"
                  + "  model.x.lora_A.weight: missing, expected shape [2, 4]\n"
                  + "  model.layers.0.self_attn.qproj.lora_A.weight: no such parameter; nearest:"
                  + " model.layers.0.self_attn.q_proj.lora_A.weight\n"
                  + "List the modules of a model with: llm-adapters inspect --model DIR");
    }
  }

  @Test
  void saysWhyItHasAWeightOfTheBase() throws IOException {
    List<AdapterParameter> written =
        List.of(parameter(A0, 2, 3), parameter("lm_head.base_layer.weight", 5, 3));
    write(written, new HashMap<>());
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      assertThatThrownBy(() -> adapter.check(List.of(parameter(A0, 2, 3)), "llama"))
          .isInstanceOf(FormatException.class)
          .hasMessage(
              directory.resolve("adapter_model.safetensors")
                  + ": 1 tensor do not fit llama\n"
                  + "  lm_head.base_layer.weight: is the base's, which PEFT saves where an"
                  + " embedding is a target; save the adapter there with"
                  + " save_embedding_layers=False\n"
                  + "List the modules of a model with: llm-adapters inspect --model DIR");
    }
  }

  private void write(List<AdapterParameter> parameters, Map<String, float[]> values)
      throws IOException {
    PeftAdapter.write(
        directory,
        new LoraConfig(4, 8, 0, TargetModules.of("q_proj", "v_proj")),
        "tiny-llama",
        parameters,
        parameter -> values.getOrDefault(parameter.name(), new float[(int) parameter.elements()]));
  }

  @Test
  void writesTheFilesThatPeftWrites() throws IOException, URISyntaxException {
    Map<String, float[]> values = new HashMap<>();
    try (PeftAdapter adapter = PeftAdapter.read(golden("lora"))) {
      for (AdapterParameter parameter : parameters()) {
        values.put(parameter.name(), adapter.tensor(parameter.name()));
      }
    }
    write(parameters(), values);
    assertThat(directory.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(golden("lora").resolve("adapter_model.safetensors"));
    assertThat(Json.read(directory.resolve("adapter_config.json")))
        .isEqualTo(Json.read(golden("lora").resolve("adapter_config.json")));
    assertThat(directory.toFile().list())
        .containsExactlyInAnyOrder("adapter_model.safetensors", "adapter_config.json");
  }

  @Test
  void aTrainedBiasIsWrittenUnderItsNameInTheModel() throws IOException {
    AdapterParameter bias = parameter("model.layers.0.self_attn.q_proj.bias", 3);
    LoraConfig config =
        new LoraConfig(
            4,
            8,
            false,
            0,
            TargetModules.of("q_proj"),
            LoraPatterns.NONE,
            new LoraVariant(false, LoraInit.DEFAULT, TrainedBias.ALL));
    PeftAdapter.write(
        directory, config, "tiny-llama", List.of(bias), parameter -> new float[] {1, 2, 3});
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      assertThat(adapter.config()).isEqualTo(config);
      assertThat(adapter.tensors()).containsOnlyKeys(bias.name());
      assertThat(adapter.tensor(bias.name())).containsExactly(1, 2, 3);
    }
    try (SafetensorsFile file =
        SafetensorsFile.open(directory.resolve("adapter_model.safetensors"))) {
      assertThat(file.tensors())
          .containsOnlyKeys("base_model.model.model.layers.0.self_attn.q_proj.bias");
    }
  }

  /** As PEFT 0.21 names it. */
  @Test
  void aBiasInsideTheLayersWrapperIsTheLayers() throws IOException {
    String layer = "model.layers.0.self_attn.q_proj.";
    List<AdapterParameter> both =
        List.of(parameter(layer + "base_layer.bias", 2), parameter(layer + "bias", 2));
    write(both.subList(0, 1), Map.of(layer + "base_layer.bias", new float[] {4, 5}));
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      assertThat(adapter.tensors()).containsOnlyKeys(layer + "bias");
      assertThat(adapter.tensor(layer + "bias")).containsExactly(4, 5);
    }
    write(both, Map.of());
    assertThatThrownBy(() -> PeftAdapter.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("adapter_model.safetensors")
                + ": 1 tensor cannot be part of a PEFT adapter\n"
                + "  base_model.model."
                + layer
                + "bias: is the same bias as base_model.model."
                + layer
                + "base_layer.bias");
  }

  @Test
  void aFailedWriteLeavesTheOldAdapter() throws IOException {
    write(parameters(), new HashMap<>());
    byte[] old = Files.readAllBytes(directory.resolve("adapter_model.safetensors"));
    assertThatThrownBy(() -> write(parameters(), Map.of(A0, new float[3])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("got 12 bytes, expected 512");
    assertThat(directory.resolve("adapter_model.safetensors")).hasBinaryContent(old);
    assertThat(directory.toFile().list()).hasSize(2);
  }

  @Test
  void saysWhatIsMissing() throws IOException, URISyntaxException {
    assertThatThrownBy(() -> PeftAdapter.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(directory + ": has no adapter_config.json; expected an adapter directory");
    configured("");
    Files.delete(directory.resolve("adapter_model.safetensors"));
    assertThatThrownBy(() -> PeftAdapter.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory
                + ": has neither adapter_model.safetensors nor adapter_model.bin; expected an"
                + " adapter directory");
  }

  @Test
  void readsPytorchFiles() throws IOException, URISyntaxException {
    try (PeftAdapter adapter = PeftAdapter.read(Golden.path("llama/adapters/lora-bin"));
        PeftAdapter expected = PeftAdapter.read(Golden.path("llama/adapters/lora"))) {
      assertThat(adapter.config()).isEqualTo(expected.config());
      assertThat(adapter.tensors().keySet()).isEqualTo(expected.tensors().keySet());
      for (String name : expected.tensors().keySet()) {
        assertThat(adapter.tensor(name)).isEqualTo(expected.tensor(name));
      }
    }
    configured("");
    Files.writeString(directory.resolve("adapter_model.bin"), "not looked at");
    try (PeftAdapter adapter = PeftAdapter.read(directory)) {
      assertThat(adapter.tensors()).isNotEmpty();
    }
  }

  @Test
  void refusesTensorsThatAreNotPefts() throws IOException, URISyntaxException {
    configured("");
    Path file = directory.resolve("adapter_model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[8 + "{\"__metadata__\":{\"format\":\"pt\"},\"".length()] = 'B';
    Files.write(file, bytes);
    assertThatThrownBy(() -> PeftAdapter.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 1 tensor cannot be part of a PEFT adapter\n"
                + "  Base_model.model."
                + A0
                + ": expected a name that begins with base_model.model.");
  }

  @Test
  void aDamagedConfigIsReadOrRefusedAndNothingElse() throws IOException, URISyntaxException {
    configured("");
    Path file = directory.resolve("adapter_config.json");
    byte[] good = Files.readAllBytes(file);
    Random random = new Random(7);
    int refused = 0;
    for (int i = 0; i < 1000; i++) {
      byte[] damaged = good.clone();
      damaged[random.nextInt(good.length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(file, damaged);
      try (PeftAdapter adapter = PeftAdapter.read(directory)) {
        assertThat(adapter.config()).isInstanceOf(LoraConfig.class);
      } catch (FormatException e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(300, 999);
  }
}
