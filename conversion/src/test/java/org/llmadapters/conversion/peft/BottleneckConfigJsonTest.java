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
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.adapters.BottleneckConfig.Placement;
import org.llmadapters.adapters.BottleneckVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.spec.Activation;

/** {@code adapter_config.json} of bottleneck adapters, against files that LLM-Adapters wrote. */
final class BottleneckConfigJsonTest {
  @TempDir Path directory;

  private static AdapterConfig read(Path file) throws IOException {
    return AdapterConfigJson.read(file, JsonFields.of(file, Json.readObject(file)));
  }

  private Path file(String fields) throws IOException {
    return Files.writeString(
        directory.resolve("adapter_config.json"), "{\"peft_type\":\"BOTTLENECK\"" + fields + "}");
  }

  @Test
  void hasTheDefaultsOfLlmAdapters() throws IOException {
    assertThat(read(file(",\"target_modules\":[\"fc2\"]")))
        .isEqualTo(
            new BottleneckConfig(
                256,
                Activation.TANH,
                0,
                OptionalDouble.of(1),
                new BottleneckVariant(InitWeights.BERT, TrainedBias.NONE),
                Placement.ADAPTER_H,
                TargetModules.of("fc2")));
  }

  @Test
  void readsAllOptions() throws IOException {
    assertThat(
            read(
                file(
                    ",\"target_modules\":\".*mlp.*\",\"bottleneck_size\":8,"
                        + "\"non_linearity\":\"relu6\",\"adapter_dropout\":0.25,\"scaling\":4,"
                        + "\"init_weights\":\"mam_adapter\",\"use_parallel_adapter\":true,"
                        + "\"use_adapterp\":true,\"bias\":\"all\"")))
        .isEqualTo(
            new BottleneckConfig(
                8,
                Activation.RELU6,
                0.25,
                OptionalDouble.of(4),
                new BottleneckVariant(InitWeights.MAM_ADAPTER, TrainedBias.ALL),
                Placement.PARALLEL,
                new TargetModules.Regex(".*mlp.*")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lla-adapterh",
        "lla-adapterp",
        "lla-parallel",
        "lla-parallel-scaled",
        "lla-adapterh-learned"
      })
  void writesWhatLlmAdaptersWrites(String name) throws IOException, URISyntaxException {
    String resource = "/peft/" + name + "/adapter_config.json";
    Path file =
        Path.of(
            Objects.requireNonNull(BottleneckConfigJsonTest.class.getResource(resource)).toURI());
    ObjectNode written = AdapterConfigJson.write(read(file), "tiny-llama");
    written.remove(List.of("layers_pattern", "layers_to_transform"));
    assertThat(written).isEqualTo(Json.readObject(file));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"bias\":\"lora_only\" | bias must be none, adapter_only or all, got \"lora_only\"",
        "\"modules_to_save\":[\"lm_head\"] | modules_to_save is [\"lm_head\"]: fully trained"
            + " modules are not supported yet",
        "\"task_type\":\"SEQ_CLS\" | task_type is \"SEQ_CLS\": no other is supported",
        "\"layers_to_transform\":[1] | layers_to_transform is [1]: a choice of layers is not"
            + " supported",
        "\"exclude_modules\":\"x\" | exclude_modules is \"x\": excluded modules are not supported",
        "\"scaling\":\"big\" | scaling must be a number or \"learned\", got \"big\"",
        "\"scaling\":true | scaling must be a number, got true",
        "\"init_weights\":\"zeros\" | init_weights must be one of bert, mam_adapter, got \"zeros\"",
        "\"non_linearity\":\"maxout\" | non_linearity must be one of silu, swish, relu, gelu,"
            + " gelu_new, gelu_pytorch_tanh, gelu_fast, quick_gelu, tanh, sigmoid, relu6, got"
            + " \"maxout\"",
        "\"bottleneck_size\":0 | bottleneck_size must be between 1 and 65536, got 0",
        "\"adapter_dropout\":1 | adapter_dropout must be in [0, 1), got 1.0",
        "\"use_adapterp\":1 | use_adapterp must be true or false, got 1"
      })
  void refusesWhatItCannotCompute(String field, String problem) throws IOException {
    Path file = file(",\"target_modules\":[\"fc2\"]," + field);
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": 1 value cannot be used\n  " + problem);
  }
}
