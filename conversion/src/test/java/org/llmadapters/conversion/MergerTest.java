package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.hf.HfCheckpoint;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.pytorch.TorchSave;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

final class MergerTest {
  @TempDir Path directory;

  private static SafetensorsFile weights(Path checkpoint) throws IOException {
    return SafetensorsFile.open(checkpoint.resolve("model.safetensors"));
  }

  private static byte[] bytes(SafetensorsFile file, TensorInfo tensor) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    WeightDtype dtype =
        WeightDtype.FLOATING.stream()
            .filter(known -> known.safetensorsName().equals(tensor.dtype()))
            .findFirst()
            .orElseThrow();
    file.copyTo(tensor, dtype, Channels.newChannel(out));
    return out.toByteArray();
  }

  @ParameterizedTest
  @CsvSource({"llama, 4, 21", "llama-gqa, 6, 29"})
  void givesTheWeightsThatPeftGives(String family, int merged, int tensors) throws IOException {
    Path checkpoint = Golden.path(family + "/base");
    Path output = directory.resolve("merged");
    Merger.Report report =
        Merger.merge(new MergeConfig(checkpoint, Golden.path(family + "/adapters/lora"), output));
    assertThat(report.weights()).isEqualTo(merged);
    assertThat(report.tensors()).isEqualTo(tensors);
    try (SafetensorsFile golden = Golden.values(family + "/adapters/lora");
        SafetensorsFile before = weights(checkpoint);
        SafetensorsFile after = weights(output)) {
      assertThat(after.tensors().keySet()).containsExactlyElementsOf(before.tensors().keySet());
      assertThat(after.metadata()).isEqualTo(before.metadata());
      int changed = 0;
      for (TensorInfo tensor : before.tensors().values()) {
        String expected = "merged." + tensor.name();
        TensorInfo now = Objects.requireNonNull(after.tensors().get(tensor.name()));
        assertThat(now.shape()).isEqualTo(tensor.shape());
        assertThat(now.dtype()).isEqualTo(tensor.dtype());
        if (golden.tensors().containsKey(expected)) {
          changed++;
          assertThat(after.readFloats(tensor.name()))
              .containsExactly(
                  golden.readFloats(expected),
                  Offset.offset(1e-6f)); // one rounding more in PyTorch
          assertThat(bytes(after, now)).isNotEqualTo(bytes(before, tensor));
        } else {
          assertThat(bytes(after, now)).as(tensor.name()).isEqualTo(bytes(before, tensor));
        }
      }
      assertThat(changed).isEqualTo(merged);
    }
    assertThat(output.resolve(HfConfig.FILE))
        .hasSameBinaryContentAs(checkpoint.resolve(HfConfig.FILE));
    assertThat(output.toFile().list())
        .containsExactlyInAnyOrder("config.json", "model.safetensors");
  }

  @ParameterizedTest
  @CsvSource({"llama", "llama-gqa"})
  void theMergedModelGivesTheAdaptersLogits(String family) throws IOException {
    Path merged = directory.resolve("merged");
    Merger.merge(
        new MergeConfig(
            Golden.path(family + "/base"), Golden.path(family + "/adapters/lora"), merged));
    Path model = directory.resolve("model");
    Converter.convert(merged, model, false);
    try (LoadedModel loaded = new LoadedModel(model);
        SafetensorsFile golden = Golden.values(family + "/adapters/lora")) {
      Golden.assertLogits(loaded, golden);
      Golden.assertLogits(loaded, golden, "right", "merged.right.logits");
    }
  }

  @Test
  void addsInFloat32AndRoundsOnce() throws IOException {
    Path checkpoint = Golden.path("llama/base-bf16");
    Path adapter = Golden.path("llama/adapters/lora");
    Path narrow = directory.resolve("narrow");
    Path wide = directory.resolve("wide");
    Merger.merge(new MergeConfig(checkpoint, adapter, narrow));
    Merger.merge(new MergeConfig(checkpoint, adapter, wide).withDtype(WeightDtype.FLOAT32));
    try (SafetensorsFile rounded = weights(narrow);
        SafetensorsFile exact = weights(wide)) {
      for (TensorInfo tensor : rounded.tensors().values()) {
        assertThat(tensor.dtype()).isEqualTo("BF16");
        TensorInfo source = Objects.requireNonNull(exact.tensors().get(tensor.name()));
        assertThat(source.dtype()).isEqualTo("F32");
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        exact.copyTo(source, WeightDtype.BFLOAT16, Channels.newChannel(expected));
        assertThat(bytes(rounded, tensor)).isEqualTo(expected.toByteArray());
      }
    }
    assertThat(HfConfig.read(narrow).storedDtype()).isEqualTo(WeightDtype.BFLOAT16);
    assertThat(HfConfig.read(wide).storedDtype()).isEqualTo(WeightDtype.FLOAT32);
    assertThat(HfConfig.read(wide).model()).isEqualTo(HfConfig.read(checkpoint).model());
  }

  @Test
  void refusesAnAdapterForATiedOutputLayer() throws IOException {
    Path checkpoint = Golden.path("llama-gqa/base");
    Path adapter = TestAdapter.write(directory.resolve("adapter"), checkpoint, "lm_head", "q_proj");
    assertThatThrownBy(
            () -> Merger.merge(new MergeConfig(checkpoint, adapter, directory.resolve("merged"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            adapter
                + ": cannot be merged: it adapts lm_head, whose weight is the embedding's"
                + " (tie_word_embeddings), so that merging would change the embedding as well; use"
                + " the adapter without merging it");
    assertThat(directory.toFile().list()).containsExactly("adapter");
  }

  @Test
  void mergesAnOutputLayerOfItsOwn() throws IOException {
    Path checkpoint = Golden.path("llama/base");
    Path adapter = TestAdapter.write(directory.resolve("adapter"), checkpoint, "lm_head");
    Path output = directory.resolve("merged");
    Merger.merge(new MergeConfig(checkpoint, adapter, output));
    try (SafetensorsFile before = weights(checkpoint);
        SafetensorsFile after = weights(output)) {
      assertThat(after.readFloats("lm_head.weight"))
          .isNotEqualTo(before.readFloats("lm_head.weight"));
      assertThat(after.readFloats("model.embed_tokens.weight"))
          .isEqualTo(before.readFloats("model.embed_tokens.weight"));
    }
  }

  @Test
  void listsWhatDoesNotFit() {
    Path adapter = Golden.path("llama/adapters/lora");
    assertThatThrownBy(
            () ->
                Merger.merge(
                    new MergeConfig(
                        Golden.path("llama-gqa/base"), adapter, directory.resolve("merged"))))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(adapter.resolve("adapter_model.safetensors") + ": ")
        .hasMessageContaining("do not fit llama (hidden_size=32, num_hidden_layers=3)\n")
        .hasMessageContaining(
            "model.layers.0.self_attn.v_proj.lora_B.weight: shape [32, 4], expected [16, 4]")
        .hasMessageContaining("model.layers.2.self_attn.q_proj.lora_A.weight: missing")
        .hasMessageEndingWith("llm-adapters inspect --model DIR");
    assertThat(directory.toFile().list()).isEmpty();
  }

  @Test
  void namesWhatWasGivenInsteadOfACheckpointOrAnAdapter() throws IOException {
    Path checkpoint = Golden.path("llama/base");
    Path adapter = Golden.path("llama/adapters/lora");
    Path base = directory.resolve("base");
    Converter.convert(checkpoint, base, false);
    assertThatThrownBy(() -> merge(base, adapter))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            base
                + ": is a base SavedModel, expected a Hugging Face checkpoint; give the checkpoint"
                + " that it was converted from; to serve it with an adapter merged: llm-adapters"
                + " export --model "
                + base
                + " --adapter DIR --output DIR/NAME --merge");
    assertThatThrownBy(() -> merge(checkpoint, checkpoint))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(
            checkpoint + ": is a Hugging Face checkpoint, expected an adapter;");
    assertThatThrownBy(() -> merge(directory.resolve("nowhere"), adapter))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("nowhere")
                + ": no such directory, expected the directory of a Hugging Face checkpoint");
  }

  private void merge(Path checkpoint, Path adapter) throws IOException {
    Merger.merge(new MergeConfig(checkpoint, adapter, directory.resolve("merged")));
  }

  @Test
  void keepsTensorsThatTheModelDoesNotNeed() throws IOException {
    Path checkpoint = Files.createDirectory(directory.resolve("checkpoint"));
    try (SafetensorsFile source = weights(Golden.path("llama/base"))) {
      ConverterTest.rewrite(
          source,
          checkpoint,
          new SafetensorsWriter.Entry(
              "model.layers.0.self_attn.rotary_emb.inv_freq", WeightDtype.FLOAT32, List.of(4L)));
    }
    Files.copy(Golden.path("llama/base/config.json"), checkpoint.resolve(HfConfig.FILE));
    Path output = directory.resolve("merged");
    Merger.merge(new MergeConfig(checkpoint, Golden.path("llama/adapters/lora"), output));
    try (SafetensorsFile before = weights(checkpoint);
        SafetensorsFile after = weights(output)) {
      assertThat(after.tensors().keySet()).isEqualTo(before.tensors().keySet());
    }
  }

  @ParameterizedTest
  @CsvSource({"base-bin, lora", "base-sharded, lora-bin", "base, lora-bin"})
  void mergesWhateverFormatIsThere(String base, String lora) throws IOException {
    Path expected = directory.resolve("expected");
    Path output = directory.resolve("merged");
    Path adapter = Golden.path("llama/adapters/" + lora);
    Merger.merge(
        new MergeConfig(Golden.path("llama/base"), Golden.path("llama/adapters/lora"), expected));
    Merger.merge(new MergeConfig(Golden.path("llama/" + base), adapter, output));
    assertThat(output.toFile().list())
        .containsExactlyInAnyOrder("config.json", "model.safetensors");
    try (SafetensorsFile before = weights(expected);
        SafetensorsFile after = weights(output)) {
      assertThat(after.metadata()).isEqualTo(before.metadata());
      for (String name : before.tensors().keySet()) {
        assertThat(after.readFloats(name)).isEqualTo(before.readFloats(name));
      }
    }
  }

  @Test
  void writesSeveralFilesIfOneWouldBeTooLarge() throws IOException {
    Path checkpoint = Golden.path("llama/base-bf16");
    Path adapter = Golden.path("llama/adapters/lora");
    Path whole = directory.resolve("whole");
    Path output = directory.resolve("merged");
    Merger.merge(new MergeConfig(checkpoint, adapter, whole));
    Merger.Report report =
        Merger.merge(new MergeConfig(checkpoint, adapter, output).withMaxShardBytes(20_000));
    assertThat(report).isEqualTo(new Merger.Report(4, 21, 47_552, OptionalDouble.empty()));
    assertThat(output.toFile().list())
        .containsExactlyInAnyOrder(
            "config.json",
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors",
            "model.safetensors.index.json");
    try (SafetensorsFile expected = weights(whole);
        HfCheckpoint actual = HfCheckpoint.open(output)) {
      assertThat(actual.tensors().keySet()).isEqualTo(expected.tensors().keySet());
      for (String name : expected.tensors().keySet()) {
        assertThat(actual.file().readFloats(name)).isEqualTo(expected.readFloats(name));
      }
    }
  }

  @Test
  void leavesOutTablesThatAreNoNumbers() throws IOException {
    Path checkpoint = Files.createDirectory(directory.resolve("checkpoint"));
    TorchSave saved = TorchSave.dictionary();
    try (SafetensorsFile source = weights(Golden.path("llama/base"))) {
      for (TensorInfo tensor : source.tensors().values()) {
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        saved.tensor(tensor.name(), source.readFloats(tensor.name()), shape);
      }
    }
    saved
        .tensor("model.layers.0.self_attn.rotary_emb.inv_freq", "LongStorage", new byte[16], 8, 2)
        .write(checkpoint.resolve("pytorch_model.bin"));
    Files.copy(Golden.path("llama/base/config.json"), checkpoint.resolve(HfConfig.FILE));
    Path output = directory.resolve("merged");
    Merger.Report report =
        Merger.merge(new MergeConfig(checkpoint, Golden.path("llama/adapters/lora"), output));
    assertThat(report.tensors()).isEqualTo(21);
    try (SafetensorsFile after = weights(output)) {
      assertThat(after.tensors()).hasSize(21).containsKey("lm_head.weight");
    }
  }
}
