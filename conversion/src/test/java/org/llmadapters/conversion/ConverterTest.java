package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.savedmodel.SavedModelWriter;
import org.llmadapters.graph.savedmodel.TensorBundle;

final class ConverterTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "llama/base, FLOAT32, F32",
    "llama/base-v5, FLOAT32, F32",
    "llama-gqa/base, FLOAT32, F32",
    "llama/base-bf16, BFLOAT16, BF16",
    "llama/base-fp16, FLOAT16, F16",
  })
  void weightsAreStoredAsTheyCame(String checkpoint, WeightDtype dtype, String stored)
      throws IOException {
    Path output = directory.resolve("model");
    Converter.Report report = Converter.convert(Golden.path(checkpoint), output, false);
    assertThat(report.format().dtype()).isEqualTo(dtype);
    try (SafetensorsFile source = source(checkpoint)) {
      assertThat(source.tensors().values())
          .allSatisfy(tensor -> assertThat(tensor.dtype()).isEqualTo(stored));
      assertSameBytes(source, dtype, output);
      assertThat(report.parameters())
          .isEqualTo(source.tensors().values().stream().mapToLong(TensorInfo::elements).sum());
      assertThat(report.bytes()).isEqualTo(report.parameters() * dtype.bytes());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "llama/base, BFLOAT16",
    "llama/base, FLOAT16",
    "llama/base-bf16, FLOAT32",
    "llama/base-fp16, BFLOAT16",
  })
  void weightsAreConvertedBitForBit(String checkpoint, WeightDtype dtype) throws IOException {
    Path output = directory.resolve("model");
    Converter.convert(Golden.path(checkpoint), output, dtype, false);
    try (SafetensorsFile source = source(checkpoint)) {
      assertSameBytes(source, dtype, output);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "base-bin, base, FLOAT32, 2",
    "base-sharded, base, FLOAT32, 0",
    "base-fp16-bin, base-fp16, FLOAT16, 0"
  })
  void theFormatOfACheckpointMakesNoDifference(
      String checkpoint, String same, WeightDtype dtype, int dropped) throws IOException {
    Path output = directory.resolve("model");
    Converter.Report report = Converter.convert(Golden.path("llama/" + checkpoint), output, false);
    assertThat(report.dropped()).hasSize(dropped);
    try (SafetensorsFile source = source("llama/" + same)) {
      assertSameBytes(source, dtype, output);
    }
  }

  private static SafetensorsFile source(String checkpoint) throws IOException {
    return SafetensorsFile.open(Golden.path(checkpoint).resolve("model.safetensors"));
  }

  private static void assertSameBytes(SafetensorsFile source, WeightDtype dtype, Path model)
      throws IOException {
    TensorBundle bundle = TensorBundle.open(SavedModelWriter.variables(model));
    assertThat(bundle.entries().keySet())
        .containsExactlyInAnyOrderElementsOf(source.tensors().keySet());
    for (TensorInfo tensor : source.tensors().values()) {
      ByteArrayOutputStream expected = new ByteArrayOutputStream();
      source.copyTo(tensor, dtype, Channels.newChannel(expected));
      TensorBundle.Entry entry = bundle.entry(tensor.name());
      assertThat(entry.dtype()).isEqualTo(dtype.dataType());
      assertThat(entry.shape()).isEqualTo(tensor.shape());
      assertThat(bundle.read(entry).array()).isEqualTo(expected.toByteArray());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "llama-gqa", "llama-rope-linear", "llama-rope-llama3"})
  void theModelGivesHuggingFacesLogits(String family) throws IOException {
    Path output = directory.resolve("model");
    Converter.convert(Golden.path(family + "/base"), output, false);
    try (LoadedModel model = new LoadedModel(output);
        SafetensorsFile golden = Golden.values(family)) {
      Golden.assertLogits(model, golden);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"base-bf16", "base-fp16"})
  void roundedWeightsGiveTheirLogitsInFloat32(String checkpoint) throws IOException {
    Path output = directory.resolve("model");
    Converter.convert(Golden.path("llama/" + checkpoint), output, WeightDtype.FLOAT32, false);
    try (LoadedModel model = new LoadedModel(output);
        SafetensorsFile golden = Golden.values("llama/" + checkpoint)) {
      Golden.assertLogits(model, golden);
    }
  }

  @Test
  void dropsTablesAndTheTiedOutputLayer() throws IOException {
    Path checkpoint = Files.createDirectory(directory.resolve("checkpoint"));
    try (SafetensorsFile source = source("llama-gqa/base")) {
      rewrite(
          source,
          checkpoint,
          new SafetensorsWriter.Entry(
              "model.layers.0.self_attn.rotary_emb.inv_freq", WeightDtype.FLOAT32, List.of(4L)),
          new SafetensorsWriter.Entry("lm_head.weight", WeightDtype.FLOAT32, List.of(97L, 32L)));
    }
    Files.copy(Golden.path("llama-gqa/base/config.json"), checkpoint.resolve(HfConfig.FILE));
    Converter.Report report = Converter.convert(checkpoint, directory.resolve("model"), false);
    assertThat(report.dropped())
        .containsExactlyInAnyOrder(
            "model.layers.0.self_attn.rotary_emb.inv_freq", "lm_head.weight");
  }

  /** The tensors of {@code source}, and zeros for {@code more}. */
  static void rewrite(SafetensorsFile source, Path directory, SafetensorsWriter.Entry... more)
      throws IOException {
    List<SafetensorsWriter.Entry> entries =
        new ArrayList<>(
            source.tensors().values().stream()
                .map(
                    tensor ->
                        new SafetensorsWriter.Entry(
                            tensor.name(), WeightDtype.FLOAT32, tensor.shape()))
                .toList());
    entries.addAll(List.of(more));
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            directory.resolve("model.safetensors"), entries, Map.of("format", "pt"))) {
      for (TensorInfo tensor : source.tensors().values()) {
        writer.write(tensor.name(), source.readFloats(tensor.name()));
      }
      for (SafetensorsWriter.Entry entry : more) {
        writer.write(entry.name(), new float[Math.toIntExact(entry.bytes() / 4)]);
      }
      writer.commit();
    }
  }

  @Test
  void theTokenizerComesAlong() throws IOException {
    Path checkpoint = Golden.checkpoint("llama/base", directory.resolve("checkpoint"), 2);
    Files.writeString(checkpoint.resolve("tokenizer.json"), "{}");
    Files.writeString(checkpoint.resolve("README.md"), "not needed");
    Converter.Report report = Converter.convert(checkpoint, directory.resolve("model"), false);
    assertThat(report.tokenizer()).contains("tokenizer.json");
    assertThat(directory.resolve("model/assets.extra").toFile().list())
        .containsExactlyInAnyOrder("config.json", "tokenizer.json");
    assertThat(Converter.convert(Golden.path("llama/base"), directory.resolve("other"), false))
        .extracting(Converter.Report::tokenizer)
        .isEqualTo(Optional.empty());
  }

  @Test
  void writesNothingWhereTheCheckpointDoesNotFitItsConfig() throws IOException {
    Path checkpoint = Files.createDirectory(directory.resolve("checkpoint"));
    Files.copy(
        Golden.path("llama/base/model.safetensors"), checkpoint.resolve("model.safetensors"));
    Files.copy(Golden.path("llama-gqa/base/config.json"), checkpoint.resolve(HfConfig.FILE));
    assertThatThrownBy(() -> Converter.convert(checkpoint, directory.resolve("model"), false))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("model.layers.0.self_attn.k_proj.weight: shape [32, 32], expected");
    assertThat(directory.toFile().list()).containsExactly("checkpoint");
  }

  @Test
  void leavesNothingBehindWhenTheCheckpointIsCutMeanwhile() throws Exception {
    Path checkpoint = SparseCheckpoint.write(directory.resolve("checkpoint"), 1 << 16, 1024);
    Path output = directory.resolve("model");
    var converting =
        Executors.newSingleThreadExecutor()
            .submit(() -> Converter.convert(checkpoint, output, WeightDtype.BFLOAT16, false));
    while (directory.toFile().list().length < 2 && !converting.isDone()) {
      Thread.onSpinWait();
    }
    try (FileChannel weights =
        FileChannel.open(checkpoint.resolve("model.safetensors"), StandardOpenOption.WRITE)) {
      weights.truncate(weights.size() / 2);
    }
    assertThatThrownBy(converting::get)
        .hasCauseInstanceOf(FormatException.class)
        .hasMessageContaining("was it changed meanwhile?");
    assertThat(directory.toFile().list()).containsExactly("checkpoint");
  }

  @Test
  void refusesToReplaceAModelUnlessAsked() throws IOException {
    Path output = directory.resolve("model");
    Converter.convert(Golden.path("llama/base"), output, false);
    assertThatThrownBy(() -> Converter.convert(Golden.path("llama/base"), output, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            output + ": exists and is not empty; name another directory, or ask to overwrite it");
    Converter.convert(Golden.path("llama-gqa/base"), output, true);
    assertThat(BaseModel.open(output).config().tieWordEmbeddings()).isTrue();
    assertThat(directory.toFile().list()).containsExactly("model");
  }

  @Test
  void refusesABaseModel() throws IOException {
    Path output = directory.resolve("model");
    Converter.convert(Golden.path("llama/base"), output, false);
    assertThatThrownBy(() -> Converter.convert(output, directory.resolve("b"), false))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(
            output + ": is a base SavedModel, expected a Hugging Face checkpoint; give the");
  }
}
