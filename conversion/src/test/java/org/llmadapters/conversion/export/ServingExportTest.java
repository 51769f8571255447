package org.llmadapters.conversion.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.LoadedModel;
import org.llmadapters.conversion.TestAdapter;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.savedmodel.SavedModelReader;
import org.tensorflow.proto.FunctionDef;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

final class ServingExportTest {
  private static final int NEW_TOKENS = 16;

  @TempDir Path directory;
  private Path output;

  @BeforeEach
  void nameTheOutput() {
    output = directory.resolve("models/tiny");
  }

  /** Converts a golden checkpoint, with no end token as the golden sequences were made. */
  private Path convert(String family) throws IOException {
    Path checkpoint =
        Golden.checkpoint(family + "/base", directory.resolve(family + "-checkpoint"), null);
    Path model = directory.resolve(family);
    Converter.convert(checkpoint, model, false);
    return model;
  }

  private ServingExport.Report export(Path model, Optional<Path> adapter, boolean merge)
      throws IOException {
    return ServingExport.export(new ExportConfig(model, adapter, output, 1, merge, false, false));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "llama-gqa"})
  void theBaseGivesItsLogitsAndSequences(String family) throws IOException {
    ServingExport.Report report = export(convert(family), Optional.empty(), false);
    assertThat(report.adapterVariables()).isZero();
    try (LoadedModel model = new LoadedModel(report.directory());
        SafetensorsFile golden = Golden.values(family)) {
      Golden.assertLogits(model, golden);
      assertSequences(model, golden);
    }
  }

  @ParameterizedTest
  @CsvSource({"llama, false, 0, 8", "llama, true, 4, 0", "llama-gqa, false, 0, 12"})
  void theAdapterGivesItsLogitsAndSequences(
      String family, boolean merge, int mergedWeights, int adapterVariables) throws IOException {
    Path adapter = Golden.path(family + "/adapters/lora");
    ServingExport.Report report = export(convert(family), Optional.of(adapter), merge);
    assertThat(report.mergedWeights()).isEqualTo(mergedWeights);
    assertThat(report.adapterVariables()).isEqualTo(adapterVariables);
    try (LoadedModel model = new LoadedModel(report.directory());
        SafetensorsFile golden = Golden.values(family + "/adapters/lora")) {
      Golden.assertLogits(model, golden);
      assertSequences(model, golden);
    }
  }

  private static void assertSequences(LoadedModel model, SafetensorsFile golden)
      throws IOException {
    int[] sequences =
        model.generate(
            Golden.rows(golden, "gen"),
            golden.readLongs("gen.input_ids"),
            golden.readLongs("gen.attention_mask"),
            NEW_TOKENS);
    assertThat(Arrays.stream(sequences).asLongStream().toArray())
        .isEqualTo(golden.readLongs("gen.greedy.sequences"));
  }

  @Test
  void generationEndsAtTheCheckpointsEndToken() throws IOException {
    Path checkpoint = Golden.checkpoint("llama/base", directory.resolve("checkpoint"), 56);
    Path base = directory.resolve("base");
    Converter.convert(checkpoint, base, false);
    ServingExport.Report report = export(base, Optional.empty(), false);
    try (LoadedModel model = new LoadedModel(report.directory());
        SafetensorsFile golden = Golden.values("llama")) {
      int[] sequences =
          model.generate(
              Golden.rows(golden, "gen"),
              golden.readLongs("gen.input_ids"),
              golden.readLongs("gen.attention_mask"),
              NEW_TOKENS);
      assertThat(Arrays.stream(sequences).asLongStream().toArray())
          .isEqualTo(golden.readLongs("gen.greedy_eos.sequences"));
    }
  }

  @Test
  void mergedEqualsUnmergedForEveryLinearLayer() throws IOException {
    Path base = convert("llama");
    Path adapter =
        TestAdapter.write(
            directory.resolve("adapter"),
            Golden.path("llama/base"),
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
            "lm_head");
    float[][] logits = new float[3][];
    long[] mask = new long[0];
    for (int i = 0; i < 3; i++) {
      Optional<Path> adapted = i == 0 ? Optional.empty() : Optional.of(adapter);
      ServingExport.Report report =
          ServingExport.export(
              new ExportConfig(base, adapted, output, i + 1L, i == 2, false, false));
      try (LoadedModel model = new LoadedModel(report.directory());
          SafetensorsFile golden = Golden.values("llama")) {
        mask = golden.readLongs("right.attention_mask");
        logits[i] =
            model.logits(Golden.rows(golden, "right"), golden.readLongs("right.input_ids"), mask);
      }
    }
    // One rounding of a weight against two of a product.
    Golden.assertClose(logits[2], logits[1], mask, 1e-5);
    float[] base1 = logits[0];
    long[] all = mask;
    assertThatThrownBy(() -> Golden.assertClose(logits[1], base1, all, 0.1))
        .isInstanceOf(AssertionError.class);
    assertThat(output.toFile().list()).containsExactlyInAnyOrder("1", "2", "3");
  }

  @Test
  void mergesIntoBfloat16Weights() throws IOException {
    Path base = directory.resolve("base");
    Converter.convert(Golden.path("llama/base"), base, WeightDtype.BFLOAT16, false);
    Path adapter = Golden.path("llama/adapters/lora");
    ServingExport.Report report = export(base, Optional.of(adapter), true);
    try (LoadedModel model = new LoadedModel(report.directory());
        SafetensorsFile golden = Golden.values("llama/adapters/lora")) {
      long[] mask = golden.readLongs("right.attention_mask");
      float[] logits =
          model.logits(Golden.rows(golden, "right"), golden.readLongs("right.input_ids"), mask);
      // bfloat16 has 8 bits of precision.
      Golden.assertClose(logits, golden.readFloats("right.logits"), mask, 0.05);
    }
  }

  @Test
  void refusesToMergeIntoATiedOutputLayerAndServesItUnmerged() throws IOException {
    Path base = convert("llama-gqa");
    Path adapter =
        TestAdapter.write(directory.resolve("adapter"), Golden.path("llama-gqa/base"), "lm_head");
    assertThatThrownBy(() -> export(base, Optional.of(adapter), true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(adapter + ": cannot be merged: it adapts lm_head, whose weight");
    assertThat(output).doesNotExist();
    assertThat(export(base, Optional.of(adapter), false).adapterVariables()).isEqualTo(2);
  }

  @Test
  void refusesAnExistingVersionUnlessAsked() throws IOException {
    Path base = convert("llama");
    export(base, Optional.empty(), false);
    Path stale = Files.writeString(output.resolve("1/stale"), "");
    assertThatThrownBy(() -> export(base, Optional.empty(), false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            output.resolve("1")
                + ": this version exists; give another --version, or --overwrite it");
    ServingExport.export(new ExportConfig(base, Optional.empty(), output, 1, false, false, true));
    assertThat(stale).doesNotExist();
    ServingExport.export(new ExportConfig(base, Optional.empty(), output, 20, false, false, false));
    assertThat(output.toFile().list()).containsExactlyInAnyOrder("1", "20");
  }

  @Test
  void leavesNothingBehindWhenAWeightIsCorrupt() throws IOException {
    Path base = convert("llama");
    Path shard = base.resolve("variables/variables.data-00000-of-00001");
    byte[] bytes = Files.readAllBytes(shard);
    bytes[bytes.length / 2] ^= 1;
    Files.write(shard, bytes);
    assertThatThrownBy(() -> export(base, Optional.empty(), false))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("is corrupt: its crc is");
    assertThat(output.toFile().list()).isEmpty();
  }

  @Test
  void namesWhatWasGivenInsteadOfABaseModel() throws IOException {
    Path checkpoint = Golden.path("llama/base");
    assertThatThrownBy(() -> export(checkpoint, Optional.empty(), false))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            checkpoint
                + ": is a Hugging Face checkpoint, expected a base SavedModel; convert it first:"
                + " llm-adapters convert --checkpoint "
                + checkpoint
                + " --output MODEL");
    Path base = convert("llama");
    export(base, Optional.empty(), false);
    assertThatThrownBy(
            () ->
                ServingExport.export(
                    new ExportConfig(output, Optional.empty(), output, 2, false, false, false)))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(
            output + ": is the versions of an exported model, expected a base SavedModel;");
    assertThatThrownBy(() -> exportAgain(base, base))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(base + ": is a base SavedModel, expected an adapter; make one");
    assertThatThrownBy(() -> exportAgain(output.resolve("1"), Golden.path("llama/adapters/lora")))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("expected serving_default and decode; make a base model with:");
    assertThat(output.toFile().list()).containsExactly("1");
  }

  private void exportAgain(Path model, Path adapter) throws IOException {
    ServingExport.export(
        new ExportConfig(model, Optional.of(adapter), output, 2, false, false, false));
  }

  @Test
  void nothingAsksToBeCompiledAndTheDecodeGraphIsGone() throws IOException {
    Path adapter = Golden.path("llama/adapters/lora");
    ServingExport.Report report = export(convert("llama"), Optional.of(adapter), false);
    GraphDef graph = SavedModelReader.read(report.directory()).getGraphDef();
    assertThat(graph.getNodeList())
        .noneMatch(ServingExportTest::mustCompile)
        .noneMatch(node -> node.getName().startsWith("decode/"))
        .noneMatch(node -> node.getName().startsWith("adapters/default/decode/"));
    assertThat(graph.getLibrary().getFunctionList()).isNotEmpty();
    for (FunctionDef function : graph.getLibrary().getFunctionList()) {
      assertThat(function.getAttrMap()).doesNotContainKey("_XlaMustCompile");
      assertThat(function.getNodeDefList()).noneMatch(ServingExportTest::mustCompile);
    }
  }

  private static boolean mustCompile(NodeDef node) {
    return node.containsAttr("_XlaMustCompile");
  }

  @Test
  void checksItsConfig() {
    Path model = directory.resolve("model");
    assertThatThrownBy(
            () -> new ExportConfig(model, Optional.empty(), output, 0, false, false, false))
        .hasMessage("version must be at least 1, got 0");
    assertThatThrownBy(
            () -> new ExportConfig(model, Optional.empty(), output, 1, true, false, false))
        .hasMessage("there is nothing to merge: name an adapter");
    assertThatThrownBy(
            () -> new ExportConfig(model, Optional.empty(), Path.of("/"), 1, false, false, false))
        .hasMessage("/: expected DIR/NAME, where NAME is what clients will call the model");
    assertThat(
            new ExportConfig(
                model, Optional.empty(), Path.of("models/a/../math"), 3, false, false, false))
        .satisfies(config -> assertThat(config.name()).isEqualTo("math"))
        .satisfies(
            config ->
                assertThat(config.directory())
                    .isEqualTo(Path.of("models/math/3").toAbsolutePath()));
  }
}
