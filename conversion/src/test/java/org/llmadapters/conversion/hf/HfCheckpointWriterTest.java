package org.llmadapters.conversion.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.conversion.safetensors.SafetensorsWriter.Entry;
import org.llmadapters.graph.config.WeightDtype;

final class HfCheckpointWriterTest {
  private static final List<Entry> ENTRIES =
      List.of(entry("a", 2), entry("b", 3), entry("c", 11), entry("d", 1), entry("e", 4));

  @TempDir Path directory;

  private static Entry entry(String name, long size) {
    return new Entry(name, WeightDtype.FLOAT32, List.of(size));
  }

  private void write(List<Entry> entries, long maxShardBytes) throws IOException {
    HfCheckpointWriter.write(
        directory,
        entries,
        SafetensorsWriter.METADATA,
        maxShardBytes,
        (writer, entry) -> {
          float[] values = new float[(int) entry.bytes() / 4];
          values[0] = entry.name().charAt(0);
          writer.write(entry.name(), values);
        });
  }

  private List<String> names(String file) throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(directory.resolve(file))) {
      assertThat(tensors.metadata()).isEqualTo(Map.of("format", "pt"));
      return List.copyOf(tensors.tensors().keySet());
    }
  }

  @Test
  void writesOneFileIfAllFits() throws IOException {
    write(ENTRIES, 84);
    assertThat(directory.toFile().list()).containsExactly("model.safetensors");
    assertThat(names("model.safetensors")).containsExactly("a", "b", "c", "d", "e");
  }

  @Test
  void fillsFilesInOrder() throws IOException {
    write(ENTRIES, 20);
    assertThat(directory.toFile().list())
        .containsExactlyInAnyOrder(
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors",
            "model.safetensors.index.json");
    assertThat(names("model-00001-of-00003.safetensors")).containsExactly("a", "b");
    assertThat(names("model-00002-of-00003.safetensors")).containsExactly("c"); // alone, too large
    assertThat(names("model-00003-of-00003.safetensors")).containsExactly("d", "e");
    ObjectNode index = Json.readObject(directory.resolve("model.safetensors.index.json"));
    assertThat(index)
        .hasToString(
            "{\"metadata\":{\"total_size\":84},\"weight_map\":{"
                + "\"a\":\"model-00001-of-00003.safetensors\","
                + "\"b\":\"model-00001-of-00003.safetensors\","
                + "\"c\":\"model-00002-of-00003.safetensors\","
                + "\"d\":\"model-00003-of-00003.safetensors\","
                + "\"e\":\"model-00003-of-00003.safetensors\"}}");
  }

  @Test
  void canBeReadAgain() throws IOException {
    write(ENTRIES, 19);
    try (HfCheckpoint checkpoint = HfCheckpoint.open(directory)) {
      assertThat(checkpoint.tensors().keySet()).containsExactly("a", "b", "c", "d", "e");
      for (Entry entry : ENTRIES) {
        assertThat(checkpoint.file().readFloats(entry.name()))
            .hasSize((int) entry.bytes() / 4)
            .startsWith(entry.name().charAt(0));
      }
    }
  }

  @Test
  void refusesANameTwiceEvenInTwoFiles() {
    assertThatThrownBy(() -> write(List.of(entry("a", 2), entry("b", 2), entry("a", 2)), 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("two tensors are called a");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void refusesFilesOfNoSize() {
    assertThatThrownBy(() -> write(ENTRIES, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the size of a file must be at least 1 byte, got 0");
  }
}
