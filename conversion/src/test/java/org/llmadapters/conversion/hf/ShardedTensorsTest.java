package org.llmadapters.conversion.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.pytorch.PytorchFile;
import org.llmadapters.conversion.pytorch.TorchSave;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.conversion.safetensors.SafetensorsWriter.Entry;
import org.llmadapters.conversion.tensors.TensorFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

final class ShardedTensorsTest {
  @TempDir Path directory;
  private Path index = Path.of("");

  @BeforeEach
  void setUp() {
    index = directory.resolve("model.safetensors.index.json");
  }

  private static void write(Path file, String... names) throws IOException {
    List<Entry> entries =
        List.of(names).stream()
            .map(name -> new Entry(name, WeightDtype.FLOAT32, List.of(2L)))
            .toList();
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, entries, SafetensorsWriter.METADATA)) {
      for (String name : names) {
        writer.write(name, new float[] {name.length(), name.charAt(0)});
      }
      writer.commit();
    }
  }

  private void writeIndex(String weightMap) throws IOException {
    Files.writeString(
        index, "{\"metadata\": {\"total_size\": 16}, \"weight_map\": " + weightMap + "}");
  }

  private void assertRefused(String message) {
    assertThatThrownBy(() -> ShardedTensors.open(index, SafetensorsFile::open))
        .isInstanceOf(FormatException.class)
        .hasMessage(index + ": " + message);
  }

  @Test
  void readsWhatTransformersSaved() throws IOException {
    Path golden = Golden.path("llama/base-sharded/model.safetensors.index.json");
    try (TensorFile sharded = ShardedTensors.open(golden, SafetensorsFile::open);
        TensorFile whole =
            SafetensorsFile.open(Golden.path("llama/base").resolve("model.safetensors"))) {
      assertThat(sharded.path()).isEqualTo(golden);
      assertThat(sharded.metadata()).isEqualTo(Map.of("format", "pt"));
      assertThat(sharded.tensors().keySet()).isEqualTo(whole.tensors().keySet());
      for (TensorInfo tensor : whole.tensors().values()) {
        assertThat(sharded.readFloats(tensor.name())).isEqualTo(whole.readFloats(tensor.name()));
      }
    }
  }

  @Test
  void readsPytorchFiles() throws IOException {
    TorchSave.dictionary()
        .tensor("a", new float[] {1, 2}, 2)
        .write(directory.resolve("pytorch_model-00001-of-00002.bin"));
    TorchSave.dictionary()
        .tensor("b", new float[] {3}, 1)
        .write(directory.resolve("pytorch_model-00002-of-00002.bin"));
    writeIndex(
        "{\"b\": \"pytorch_model-00002-of-00002.bin\", \"a\": \"pytorch_model-00001-of-00002.bin\"}");
    try (TensorFile sharded = ShardedTensors.open(index, PytorchFile::open)) {
      assertThat(sharded.tensors().keySet()).containsExactly("a", "b");
      assertThat(sharded.readFloats("a")).containsExactly(1, 2);
      assertThat(sharded.readFloats("b")).containsExactly(3);
      assertThat(sharded.metadata()).isEmpty();
    }
  }

  @Test
  void listsMissingFiles() throws IOException {
    write(directory.resolve("2.safetensors"), "b");
    Files.createDirectory(directory.resolve("3.safetensors"));
    writeIndex(
        "{\"a\": \"1.safetensors\", \"b\": \"2.safetensors\", \"c\": \"3.safetensors\","
            + " \"d\": \"4.safetensors\", \"e\": \"1.safetensors\"}");
    assertRefused(
        """
        3 files that it names cannot be read
          "1.safetensors": no such file
          "3.safetensors": is not a regular file
          "4.safetensors": no such file
        Download the checkpoint again, all of its files to one folder.""");
  }

  @Test
  void staysInItsFolder() throws IOException {
    write(directory.resolve("outside"), "a");
    Path folder = Files.createDirectory(directory.resolve("folder"));
    Path below = Files.createDirectory(folder.resolve("below"));
    write(below.resolve("file"), "a");
    index = folder.resolve("model.safetensors.index.json");
    for (String name :
        new String[] {
          "../outside",
          "below/file",
          "./../outside",
          "..",
          ".",
          "",
          "..\\\\outside",
          "c:outside",
          "\\u0000",
          "/etc/passwd"
        }) {
      writeIndex("{\"a\": \"" + name + "\"}");
      assertRefused(
          "1 file that it names cannot be read\n  \""
              + name
              + "\": not the plain name of a file in this folder\n"
              + "Download the checkpoint again, all of its files to one folder.");
    }
  }

  @Test
  void followsNoLinksOutOfItsFolder() throws IOException {
    write(directory.resolve("outside"), "a");
    Path folder = Files.createDirectory(directory.resolve("folder"));
    index = folder.resolve("model.safetensors.index.json");
    Files.createSymbolicLink(folder.resolve("link"), Path.of("../outside"));
    writeIndex("{\"a\": \"link\"}");
    assertRefused(
        """
        1 file that it names cannot be read
          "link": is a link to a file outside of this folder
        Download the checkpoint again, all of its files to one folder.""");
    write(folder.resolve("inside"), "a");
    Files.delete(folder.resolve("link"));
    Files.createSymbolicLink(folder.resolve("link"), Path.of("inside"));
    assertReads("a");
  }

  @Test
  void followsTheLinksOfHuggingFacesCache() throws IOException {
    Path blobs = Files.createDirectories(directory.resolve("models--me--mine/blobs"));
    Path snapshot = Files.createDirectories(directory.resolve("models--me--mine/snapshots/12ab"));
    write(blobs.resolve("34cd"), "a");
    writeIndex("{\"a\": \"1.safetensors\"}");
    Files.move(index, blobs.resolve("56ef"));
    index = snapshot.resolve("model.safetensors.index.json");
    Files.createSymbolicLink(index, Path.of("../../blobs/56ef"));
    Files.createSymbolicLink(snapshot.resolve("1.safetensors"), Path.of("../../blobs/34cd"));
    assertReads("a");
  }

  private void assertReads(String name) throws IOException {
    try (TensorFile sharded = ShardedTensors.open(index, SafetensorsFile::open)) {
      assertThat(sharded.readFloats(name)).containsExactly(1, name.charAt(0));
    }
  }

  @Test
  void listsTensorsThatAreNotWhereTheIndexSays() throws IOException {
    write(directory.resolve("1"), "a", "twice", "extra");
    write(directory.resolve("2"), "b", "twice", "moved");
    writeIndex("{\"a\": \"1\", \"twice\": \"1\", \"b\": \"2\", \"moved\": \"1\", \"lost\": \"2\"}");
    assertRefused(
        """
        5 problems: the index and the files that it names do not fit together
          extra: in 1, but not in the index
          twice: in 2, but the index says 1
          moved: in 2, but the index says 1
          moved: not in 1, where the index says it is
          lost: not in 2, where the index says it is
        Download the checkpoint again, all of its files from one revision.""");
  }

  @Test
  void refusesIndexesWithoutAWeightMap() throws IOException {
    for (String weightMap : new String[] {"{}", "[]", "3", "null"}) {
      writeIndex(weightMap);
      assertRefused(
          "weight_map must be an object that names the file of each tensor, got " + weightMap);
    }
    writeIndex("{\"a\": 1, \"b\": {}, \"c\": \"c\"}");
    assertRefused(
        """
        2 problems in its weight_map
          a: expected the name of a file, got 1
          b: expected the name of a file, got {}""");
    Files.writeString(index, "{\"weight_map\": {\"a\": \"1\", \"a\": \"2\"}}");
    assertThatThrownBy(() -> ShardedTensors.open(index, SafetensorsFile::open))
        .hasMessageContaining("is not JSON at line 1, column 30: Duplicate field 'a'");
  }

  @Test
  void refusesTooManyFiles() throws IOException {
    StringBuilder weightMap = new StringBuilder("{\"t0\": \"0\"");
    for (int i = 0; i <= 1000; i++) {
      Files.createFile(directory.resolve(Integer.toString(i)));
      weightMap.append(", \"u").append(i).append("\": \"").append(i).append('"');
    }
    writeIndex(weightMap.append('}').toString());
    assertRefused("names 1001 files, expected at most 1000");
  }

  @Test
  void refusesADamagedFile() throws IOException {
    write(directory.resolve("1"), "a");
    Files.write(directory.resolve("2"), new byte[3]);
    writeIndex("{\"a\": \"1\", \"b\": \"2\"}");
    assertThatThrownBy(() -> ShardedTensors.open(index, SafetensorsFile::open))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            directory.resolve("2")
                + ": has 3 bytes; a safetensors file has at least 8: is it truncated?");
  }

  @Test
  void readsOnlyItsOwnTensors() throws IOException {
    write(directory.resolve("1"), "a");
    writeIndex("{\"a\": \"1\"}");
    TensorInfo other = new TensorInfo("b", "F32", List.of(2L), 0, 8);
    try (TensorFile sharded = ShardedTensors.open(index, SafetensorsFile::open)) {
      assertThatThrownBy(
              () ->
                  sharded.copyTo(
                      other, WeightDtype.FLOAT32, Channels.newChannel(new ByteArrayOutputStream())))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(index + ": has no " + other);
    }
  }
}
