package org.llmadapters.conversion.hf;

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
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.RopeConfig;
import org.llmadapters.graph.config.RopeScaling;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.Residual;

final class HfConfigTest {
  private static final String MINIMAL =
      "{\"model_type\":\"llama\",\"vocab_size\":17,\"hidden_size\":12,\"intermediate_size\":20,"
          + "\"num_hidden_layers\":2,\"num_attention_heads\":3";

  @TempDir Path directory;

  private static Path golden(String name) throws URISyntaxException {
    return Path.of(Objects.requireNonNull(HfConfigTest.class.getResource("/hf/" + name)).toURI());
  }

  private HfConfig read(String fields) throws IOException {
    Files.writeString(directory.resolve("config.json"), MINIMAL + fields + "}");
    return HfConfig.read(directory);
  }

  private static ModelConfig llama(double theta, RopeScaling scaling) {
    return new ModelConfig(
        "llama",
        new Sizes(97, 32, 48, 2, 64),
        new AttentionConfig(4, 4, 8),
        Optional.of(new RopeConfig(theta, 8, scaling)),
        Activation.SILU,
        Biases.NONE,
        Residual.SEQUENTIAL,
        1e-6,
        false,
        new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "llama-v5"})
  void readsBothSpellings(String name) throws IOException, URISyntaxException {
    HfConfig config = HfConfig.read(golden(name));
    assertThat(config.model()).isEqualTo(llama(10000, new RopeScaling.None()));
    assertThat(config.storedDtype()).isEqualTo(WeightDtype.FLOAT32);
    assertThat(config.raw().get("initializer_range").doubleValue()).isEqualTo(0.02);
  }

  @Test
  void readsGroupedQueriesAndTiedEmbeddings() throws IOException, URISyntaxException {
    ModelConfig model = HfConfig.read(golden("llama-gqa")).model();
    assertThat(model.attention()).isEqualTo(new AttentionConfig(4, 2, 8));
    assertThat(model.tieWordEmbeddings()).isTrue();
    assertThat(model.rope()).contains(new RopeConfig(500000, 8, new RopeScaling.None()));
  }

  @Test
  void readsLinearScaling() throws IOException, URISyntaxException {
    assertThat(HfConfig.read(golden("llama-rope-linear")).model())
        .isEqualTo(llama(10000, new RopeScaling.Linear(2)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-rope-llama3", "llama-rope-llama3-v5"})
  void readsLlama3Scaling(String name) throws IOException, URISyntaxException {
    assertThat(HfConfig.read(golden(name)).model().rope())
        .contains(new RopeConfig(500000, 16, new RopeScaling.Llama3(8, 1, 4, 16)));
  }

  @Test
  void recordsTheDefaults() throws IOException {
    HfConfig config = read("");
    assertThat(config.model())
        .isEqualTo(
            new ModelConfig(
                "llama",
                new Sizes(17, 12, 20, 2, 2048),
                new AttentionConfig(3, 3, 4),
                Optional.of(new RopeConfig(10000, 4, new RopeScaling.None())),
                Activation.SILU,
                Biases.NONE,
                Residual.SEQUENTIAL,
                1e-6,
                false,
                new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.empty())));
    assertThat(config.storedDtype()).isEqualTo(WeightDtype.FLOAT32);
  }

  @Test
  void readsTokenIdsInAllForms() throws IOException {
    assertThat(
            read(",\"bos_token_id\":null,\"eos_token_id\":[3,4],\"pad_token_id\":-1")
                .model()
                .tokenIds())
        .isEqualTo(new TokenIds(OptionalInt.empty(), List.of(3, 4), OptionalInt.empty()));
    assertThat(read(",\"eos_token_id\":null,\"pad_token_id\":null").model().tokenIds())
        .isEqualTo(new TokenIds(OptionalInt.of(1), List.of(), OptionalInt.empty()));
  }

  @Test
  void readsSpellingsThatAgree() throws IOException {
    HfConfig config =
        read(
            ",\"head_dim\":6,\"num_key_value_heads\":1,\"attention_bias\":true,"
                + "\"dtype\":\"bfloat16\",\"torch_dtype\":\"bfloat16\",\"rope_theta\":500,"
                + "\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},\"rope_parameters\":"
                + "{\"rope_type\":\"linear\",\"factor\":2.0,\"rope_theta\":500.0}");
    assertThat(config.storedDtype()).isEqualTo(WeightDtype.BFLOAT16);
    assertThat(config.model().attention()).isEqualTo(new AttentionConfig(3, 1, 6));
    assertThat(config.model().biases()).isEqualTo(Biases.NONE.withAttention(true));
    assertThat(config.model().rope()).contains(new RopeConfig(500, 6, new RopeScaling.Linear(2)));
  }

  @Test
  void whatIsHarmlessOrUnknownIsPassedOver() throws IOException {
    assertThat(
            read(",\"mlp_bias\":false,\"quantization_config\":null,\"pruned_heads\":{},"
                    + "\"pretraining_tp\":2,\"my_own_key\":3,\"hidden_act\":\"silu\"")
                .model())
        .isEqualTo(read("").model());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"hidden_act\":\"maxout\" | hidden_act must be one of silu, swish, relu, gelu, gelu_new,"
            + " gelu_pytorch_tanh, gelu_fast, quick_gelu, tanh, sigmoid, relu6, got \"maxout\"",
        "\"quantization_config\":{\"bits\":4} | quantization_config is {\"bits\":4}: quantized"
            + " checkpoints are not supported: convert the original",
        "\"num_key_value_heads\":2 | num_attention_heads (3) must be a multiple of"
            + " num_key_value_heads (2)",
        "\"head_dim\":5 | the number of rotary elements of a head must be even and at least 2, got 5",
        "\"rms_norm_eps\":\"small\" | rms_norm_eps must be a number, got \"small\"",
        "\"rms_norm_eps\":0 | the norm's epsilon must be in (0, 1), got 0.0",
        "\"bos_token_id\":17 | bos_token_id must be between 0 and vocab_size - 1 = 16, got 17",
        "\"eos_token_id\":[1,\"x\"] | eos_token_id must be an integer below 2^31, got \"x\"",
        "\"torch_dtype\":\"int8\" | dtype must be one of float32, bfloat16, float16, got int8",
        "\"torch_dtype\":\"float16\",\"dtype\":\"bfloat16\" | dtype (bfloat16) and torch_dtype"
            + " (float16) must agree",
        "\"rope_scaling\":{\"type\":\"dynamic\"} | rope_scaling.factor is missing",
        "\"rope_scaling\":{\"rope_type\":\"yarn\"} | rope_type \"yarn\" is not supported;"
            + " supported: default, linear, dynamic, llama3",
        "\"rope_scaling\":{\"type\":\"linear\"} | rope_scaling.factor is missing",
        "\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5} | rope_scaling factor must be in"
            + " [1, 1e6), got 0.5",
        "\"rope_scaling\":\"linear\" | rope_scaling must be an object, got \"linear\"",
        "\"rope_theta\":5,\"rope_parameters\":{\"rope_theta\":7} | rope_theta must agree wherever"
            + " they are written, got [5.0, 7.0]",
        "\"partial_rotary_factor\":0.5 | partial_rotary_factor must be 1, others are not"
            + " supported",
      })
  void refusesWhatItCannotCompute(String field, String problem) {
    assertThatThrownBy(() -> read("," + field))
        .isInstanceOf(FormatException.class)
        .hasMessage(directory.resolve("config.json") + ": 1 value cannot be used\n  " + problem);
  }

  @Test
  void theTwoSpellingsOfScalingMustAgree() {
    assertThatThrownBy(
            () ->
                read(
                    ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},"
                        + "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":4}"))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("rope_parameters and rope_scaling must agree");
  }

  @Test
  void reportsAllProblemsAtOnce() throws IOException {
    Files.writeString(
        directory.resolve("config.json"),
        "{\"model_type\":\"llama\",\"vocab_size\":\"17\",\"hidden_size\":12,"
            + "\"num_hidden_layers\":2,\"num_attention_heads\":5}");
    assertThatThrownBy(() -> HfConfig.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("config.json")
                + ": 3 values cannot be used\n"
                + "  vocab_size must be an integer below 2^31, got \"17\"\n"
                + "  intermediate_size is missing\n"
                + "  hidden_size (12) must be a multiple of num_attention_heads (5) where head_dim"
                + " is not given");
  }

  @Test
  void namesTheSupportedFamilies() throws IOException {
    Files.writeString(directory.resolve("config.json"), "{\"model_type\":\"t5\"}");
    assertThatThrownBy(() -> HfConfig.read(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("config.json")
                + ": model_type \"t5\" is not supported; supported: llama, mistral, qwen2, qwen3, gemma,"
                + " bloom, opt, gptj, gpt_neox, gpt_neo, gpt2");
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "llama-gqa", "llama-rope-linear", "llama-rope-llama3"})
  void readsWhatItWrites(String name) throws IOException, URISyntaxException {
    ModelConfig model = HfConfig.read(golden(name)).model();
    Json.write(directory.resolve("config.json"), HfConfig.toJson(model, WeightDtype.FLOAT16));
    HfConfig read = HfConfig.read(directory);
    assertThat(read.model()).isEqualTo(model);
    assertThat(read.storedDtype()).isEqualTo(WeightDtype.FLOAT16);
  }

  @Test
  void writesTokenIdsInAllForms() throws IOException {
    ModelConfig several = read(",\"bos_token_id\":null,\"eos_token_id\":[3,4]").model();
    ObjectNode json = HfConfig.toJson(several, WeightDtype.FLOAT32);
    assertThat(json.get("bos_token_id").isNull()).isTrue();
    assertThat(json.get("eos_token_id").toString()).isEqualTo("[3,4]");
    assertThat(json.get("architectures").toString()).isEqualTo("[\"LlamaForCausalLM\"]");
  }

  @Test
  void aDamagedConfigIsReadOrRefusedAndNothingElse() throws IOException, URISyntaxException {
    byte[] good = Files.readAllBytes(golden("llama-rope-llama3").resolve("config.json"));
    Random random = new Random(3);
    int refused = 0;
    for (int i = 0; i < 1000; i++) {
      byte[] damaged = good.clone();
      for (int flips = 1 + random.nextInt(2); flips > 0; flips--) {
        damaged[random.nextInt(good.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(directory.resolve("config.json"), damaged);
      try {
        HfConfig.read(directory);
      } catch (FormatException e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(300, 999);
  }
}
