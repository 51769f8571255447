package org.llmadapters.training.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

final class BenchFlagsTest {
  @Command
  private static final class Sizes {
    @Mixin private ModelFlags model = new ModelFlags();
  }

  private static ModelConfig config(String... arguments) {
    Sizes sizes = new Sizes();
    new CommandLine(sizes).parseArgs(arguments);
    return sizes.model.config();
  }

  /** Touvron et al. 2023, table 2: 6.7 billion; exactly 6,738,415,616 in Hugging Face's files. */
  @Test
  void llama7bHasItsPublishedSize() {
    ModelConfig config = config("--preset", "llama-7b");
    assertThat(
            Architecture.build(config, WeightDtype.BFLOAT16).weights().stream()
                .mapToLong(Weight::elements)
                .sum())
        .isEqualTo(6_738_415_616L);
  }

  @Test
  void flagsChangeThePreset() {
    ModelConfig config =
        config("--preset", "llama-7b", "--num-hidden-layers", "2", "--num-key-value-heads", "8");
    assertThat(config.sizes().numHiddenLayers()).isEqualTo(2);
    assertThat(config.sizes().hiddenSize()).isEqualTo(4096);
    assertThat(config.attention().numKeyValueHeads()).isEqualTo(8);
    assertThat(config.attention().numAttentionHeads()).isEqualTo(32);
  }

  @Test
  void withoutFlagsItIsTheSmallModel() {
    assertThat(config().sizes().hiddenSize()).isEqualTo(512);
    assertThat(config().sizes().numHiddenLayers()).isEqualTo(8);
    assertThat(config().sizes().vocabSize()).isEqualTo(8000);
  }

  @Test
  void anUnknownPresetIsNamed() {
    assertThatThrownBy(() -> config("--preset", "llama-8b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("--preset must be small or llama-7b, got llama-8b");
    assertThatThrownBy(() -> config("--hidden-size", "30"))
        .hasMessageContaining("--num-attention-heads, got 30 and 8");
  }

  @Test
  void theMemoryOfAStepIsEstimatedForEachShape() {
    StringWriter out = new StringWriter();
    int code =
        new CommandLine(new BenchCommand())
            .setOut(new PrintWriter(out, true))
            .execute(
                "train",
                "--memory-estimate",
                "--num-hidden-layers",
                "2",
                "--shapes",
                "2x16,2x64",
                "--target-modules",
                "q_proj,up_proj",
                "--lora-r",
                "4");
    assertThat(code).isZero();
    String[] lines = out.toString().strip().split("\n", -1);
    assertThat(lines).hasSize(2);
    assertThat(lines[0])
        .contains("\"batch_size\":2,\"sequence_length\":16,\"lora_r\":4")
        .contains("\"target_modules\":\"q_proj,up_proj\"");
    assertThat(lines[1]).contains("\"sequence_length\":64");
  }

  /** Padding is computed, and does not count. */
  @Test
  void tokensOfExamplesCountAlone() throws IOException {
    JsonNode one = train("--shapes", "2x16", "--document-length", "5");
    assertThat(one.path("document_length").intValue()).isEqualTo(5);
    assertThat(tokens(one)).isBetween(9.9, 10.1);
    JsonNode packed = train("--shapes", "2x16", "--document-length", "5", "--packing");
    assertThat(packed.path("packing").booleanValue()).isTrue();
    assertThat(tokens(packed)).isBetween(29.7, 30.3);
  }

  /** Tokens of a step; both factors are rounded. */
  private static double tokens(JsonNode result) {
    return result.path("tokens_per_second").doubleValue()
        * result.path("step_ms_median").doubleValue()
        / 1000;
  }

  private static JsonNode train(String... arguments) throws IOException {
    List<String> all =
        new ArrayList<>(
            List.of(
                "train",
                "--hidden-size",
                "32",
                "--num-hidden-layers",
                "1",
                "--vocab-size",
                "64",
                "--peak-gflops",
                "1",
                "--compile",
                "off",
                "--steps",
                "3"));
    all.addAll(List.of(arguments));
    StringWriter out = new StringWriter();
    int code =
        new CommandLine(new BenchCommand())
            .setOut(new PrintWriter(out, true))
            .execute(all.toArray(String[]::new));
    assertThat(code).isZero();
    return new ObjectMapper().readTree(out.toString());
  }

  /** Both ways are for products alone. */
  @ParameterizedTest
  @ValueSource(strings = {"train", "generate"})
  void aRunIsCompiledOrNot(String bench) {
    StringWriter err = new StringWriter();
    new CommandLine(new BenchCommand())
        .setErr(new PrintWriter(err, true))
        .execute(bench, "--num-hidden-layers", "1", "--compile", "both");
    assertThat(err.toString()).contains("--compile must be auto, on or off, got both");
  }

  @Test
  void anExampleMustFitIntoARow() {
    StringWriter err = new StringWriter();
    new CommandLine(new BenchCommand())
        .setErr(new PrintWriter(err, true))
        .execute("train", "--sequence-length", "16", "--document-length", "17");
    assertThat(err.toString())
        .contains("--document-length must be from 2 to the 16 tokens of a row, got 17");
  }
}
