package org.llmadapters.conversion.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.pytorch.TorchSave;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.conversion.safetensors.SafetensorsWriter.Entry;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;

final class HfCheckpointTest {
  private static final List<Weight> EXPECTED =
      List.of(
          new Weight("model.norm.weight", WeightDtype.BFLOAT16, List.of(3L)),
          new Weight("lm_head.weight", WeightDtype.BFLOAT16, List.of(5L, 3L)));

  @TempDir Path directory;

  private void write(Entry... entries) throws IOException {
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            directory.resolve("model.safetensors"), Arrays.asList(entries), Map.of())) {
      for (Entry entry : entries) {
        writer.write(entry.name(), new float[(int) entry.bytes() / 4]);
      }
      writer.commit();
    }
  }

  private static Entry entry(String name, Long... shape) {
    return new Entry(name, WeightDtype.FLOAT32, List.of(shape));
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.", ""})
  void findsTensorsWithAndWithoutTheFirstPartOfTheirNames(String prefix) throws IOException {
    write(
        entry(prefix + "norm.weight", 3L),
        entry("lm_head.weight", 5L, 3L),
        entry(prefix + "layers.0.self_attn.rotary_emb.inv_freq", 2L));
    try (HfCheckpoint checkpoint = HfCheckpoint.open(directory)) {
      assertThat(checkpoint.check(EXPECTED, Set.of("rotary_emb.inv_freq")))
          .containsExactly(prefix + "layers.0.self_attn.rotary_emb.inv_freq");
      assertThat(checkpoint.find("model.norm.weight"))
          .map(tensor -> tensor.name())
          .contains(prefix + "norm.weight");
      assertThat(checkpoint.find("model.other")).isEmpty();
      assertThat(checkpoint.find("transformer.lm_head.weight"))
          .map(tensor -> tensor.name())
          .contains("lm_head.weight");
      assertThat(checkpoint.find("model.decoder.norm.weight")).isEmpty();
      assertThat(checkpoint.tensors()).hasSize(3);
    }
  }

  @Test
  void listsAllThatDoesNotFit() throws IOException {
    write(entry("model.norm.weight", 4L), entry("model.my_lm_head.weight", 5L, 3L));
    try (HfCheckpoint checkpoint = HfCheckpoint.open(directory)) {
      assertThatThrownBy(() -> checkpoint.check(EXPECTED, Set.of("lm_head.weight")))
          .isInstanceOf(FormatException.class)
          .hasMessage(
              directory.resolve("model.safetensors")
                  + ": 3 problems: the tensors do not fit config.json\n"
                  + "  model.norm.weight: shape [4], expected [3]\n"
                  + "  lm_head.weight: missing, expected shape [5, 3]\n"
                  + "  model.my_lm_head.weight: not part of this model, shape [5, 3]\n"
                  + "Check that config.json belongs to this checkpoint.");
    }
  }

  @Test
  void refusesIntegers() throws IOException {
    String header = "{\"lm_head.weight\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    byte[] bytes = new byte[8 + header.length() + 1];
    bytes[0] = (byte) header.length();
    for (int i = 0; i < header.length(); i++) {
      bytes[8 + i] = (byte) header.charAt(i);
    }
    Files.write(directory.resolve("model.safetensors"), bytes);
    try (HfCheckpoint checkpoint = HfCheckpoint.open(directory)) {
      assertThatThrownBy(
              () ->
                  checkpoint.check(
                      List.of(new Weight("lm_head.weight", WeightDtype.FLOAT32, List.of(1L))),
                      Set.of()))
          .hasMessageContaining("lm_head.weight: dtype I8, expected F32, BF16, F16 or F64");
    }
  }

  /** The weights of {@code llama/NAME} are those of {@code llama/base}. */
  @ParameterizedTest
  @ValueSource(strings = {"base-bin", "base-sharded"})
  void readsWhateverFormatIsThere(String name) throws IOException {
    try (HfCheckpoint checkpoint = HfCheckpoint.open(Golden.path("llama/" + name));
        HfCheckpoint expected = HfCheckpoint.open(Golden.path("llama/base"))) {
      List<Weight> weights =
          expected.tensors().values().stream()
              .map(tensor -> new Weight(tensor.name(), WeightDtype.FLOAT32, tensor.shape()))
              .toList();
      checkpoint.check(weights, Set.of("rotary_emb.inv_freq"));
      for (Weight weight : weights) {
        assertThat(checkpoint.file().readFloats(weight.name()))
            .isEqualTo(expected.file().readFloats(weight.name()));
      }
    }
  }

  @Test
  void prefersSafetensorsAndWholeFiles() throws IOException {
    Files.writeString(
        directory.resolve("pytorch_model.bin.index.json"),
        "{\"weight_map\": {\"pytorch in files\": \"1.bin\"}}");
    TorchSave.dictionary()
        .tensor("pytorch in files", new float[1], 1)
        .write(directory.resolve("1.bin"));
    assertHolds("pytorch in files");
    TorchSave.dictionary()
        .tensor("pytorch", new float[1], 1)
        .write(directory.resolve("pytorch_model.bin"));
    assertHolds("pytorch");
    write(entry("in files", 1L));
    Files.move(directory.resolve("model.safetensors"), directory.resolve("1.safetensors"));
    Files.writeString(
        directory.resolve("model.safetensors.index.json"),
        "{\"weight_map\": {\"in files\": \"1.safetensors\"}}");
    assertHolds("in files");
    write(entry("whole", 1L));
    assertHolds("whole");
  }

  private void assertHolds(String name) throws IOException {
    try (HfCheckpoint checkpoint = HfCheckpoint.open(directory)) {
      assertThat(checkpoint.tensors().keySet()).containsExactly(name);
    }
  }

  @Test
  void dropsTablesOfAnyType() throws IOException {
    TorchSave.dictionary()
        .tensor("norm.weight", new float[3], 3)
        .tensor("h.0.attn.bias", "BoolStorage", new byte[4], 1, 1, 1, 2, 2)
        .tensor("h.0.attn.masked_bias", new float[1])
        .tensor("lm_head.weight", new float[15], 5, 3)
        .write(directory.resolve("pytorch_model.bin"));
    try (HfCheckpoint checkpoint = HfCheckpoint.open(directory)) {
      assertThat(checkpoint.check(EXPECTED, Set.of("attn.bias", "attn.masked_bias")))
          .containsExactly("h.0.attn.bias", "h.0.attn.masked_bias");
      assertThatThrownBy(() -> checkpoint.check(EXPECTED, Set.of()))
          .hasMessage(
              directory.resolve("pytorch_model.bin")
                  + ": 2 problems: the tensors do not fit config.json\n"
                  + "  h.0.attn.bias: not part of this model, shape [1, 1, 2, 2]\n"
                  + "  h.0.attn.masked_bias: not part of this model, shape []\n"
                  + "Check that config.json belongs to this checkpoint.");
    }
  }

  @Test
  void refusesADirectoryWithoutWeights() {
    assertThatThrownBy(() -> HfCheckpoint.open(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory
                + ": has none of model.safetensors, model.safetensors.index.json, pytorch_model.bin"
                + " and pytorch_model.bin.index.json; expected a checkpoint of Hugging Face"
                + " transformers");
  }
}
