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
  void findsTensorsWithAndWithoutTheLeadingModel(String prefix) throws IOException {
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

  @Test
  void saysHowToResaveWhatIsNotSupportedYet() throws IOException {
    Files.createFile(directory.resolve("pytorch_model.bin"));
    assertThatThrownBy(() -> HfCheckpoint.open(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory
                + ": has pytorch_model.bin but no model.safetensors: PyTorch's own format is not"
                + " supported yet; re-save it with transformers:"
                + " AutoModelForCausalLM.from_pretrained(\""
                + directory
                + "\").save_pretrained(\"NEW\", safe_serialization=True,"
                + " max_shard_size=\"1000GB\")");
    Files.move(
        directory.resolve("pytorch_model.bin"), directory.resolve("model.safetensors.index.json"));
    assertThatThrownBy(() -> HfCheckpoint.open(directory))
        .hasMessageContaining("checkpoints in several files are not supported yet");
  }

  @Test
  void refusesADirectoryWithoutWeights() {
    assertThatThrownBy(() -> HfCheckpoint.open(directory))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory
                + ": has no model.safetensors; expected a checkpoint of Hugging Face transformers");
  }
}
