package org.llmadapters.conversion.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.tensors.FloatFormats;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

final class PytorchFileTest {
  private static final float[] SIX = {1, 2, 3, 4, 5, 6};

  @TempDir Path directory;
  private Path file = Path.of("");

  @BeforeEach
  void setUp() {
    file = directory.resolve("pytorch_model.bin");
  }

  private PytorchFile open(TorchSave saved) throws IOException {
    saved.write(file);
    return PytorchFile.open(file);
  }

  private static TensorInfo info(PytorchFile tensors, String name) {
    return Objects.requireNonNull(tensors.tensors().get(name), name);
  }

  @ParameterizedTest
  @CsvSource({"base-bin, base, 23", "base-fp16-bin, base-fp16, 21"})
  void readsWhatPytorchSaved(String saved, String same, int count) throws IOException {
    try (PytorchFile tensors =
            PytorchFile.open(Golden.path("llama/" + saved + "/pytorch_model.bin"));
        SafetensorsFile expected =
            SafetensorsFile.open(Golden.path("llama/" + same + "/model.safetensors"))) {
      assertThat(tensors.tensors()).hasSize(count).containsKeys(keys(expected));
      for (TensorInfo tensor : expected.tensors().values()) {
        TensorInfo found = info(tensors, tensor.name());
        assertThat(found.dtype()).isEqualTo(tensor.dtype());
        assertThat(found.shape()).isEqualTo(tensor.shape());
        assertThat(tensors.readFloats(tensor.name())).isEqualTo(expected.readFloats(tensor.name()));
      }
      assertThat(tensors.metadata()).isEmpty();
    }
  }

  private static String[] keys(SafetensorsFile file) {
    return file.tensors().keySet().toArray(String[]::new);
  }

  @ParameterizedTest
  @CsvSource({
    "DoubleStorage, F64, 8",
    "FloatStorage, F32, 4",
    "HalfStorage, F16, 2",
    "BFloat16Storage, BF16, 2",
    "LongStorage, I64, 8",
    "IntStorage, I32, 4",
    "ShortStorage, I16, 2",
    "CharStorage, I8, 1",
    "ByteStorage, U8, 1",
    "BoolStorage, BOOL, 1"
  })
  void knowsTheTypesOfElements(String type, String dtype, int elementBytes) throws IOException {
    try (PytorchFile tensors =
        open(
            TorchSave.dictionary()
                .tensor("first", "ByteStorage", new byte[3], 1, 3)
                .tensor("t", type, new byte[6 * elementBytes], elementBytes, 2, 3))) {
      TensorInfo tensor = info(tensors, "t");
      assertThat(tensor.dtype()).isEqualTo(dtype);
      assertThat(tensor.shape()).containsExactly(2L, 3L);
      assertThat(tensor.bytes()).isEqualTo(6L * elementBytes);
      assertThat(tensors.tensors().keySet()).containsExactly("first", "t");
    }
  }

  @Test
  void readsTensorsThatShareAStorage() throws IOException {
    TorchSave saved = TorchSave.dictionary().storage("0", TorchSave.floats(SIX));
    saved.text("whole").tensor("FloatStorage", "0", 6, 0, new long[] {2, 3}, new long[] {3, 1});
    saved.text("tied").tensor("FloatStorage", "0", 6, 0, new long[] {2, 3}, new long[] {3, 1});
    saved.text("end").tensor("FloatStorage", "0", 6, 4, new long[] {2}, new long[] {1});
    try (PytorchFile tensors = open(saved)) {
      assertThat(tensors.readFloats("whole")).containsExactly(SIX);
      assertThat(tensors.readFloats("tied")).containsExactly(SIX);
      assertThat(tensors.readFloats("end")).containsExactly(5, 6);
    }
  }

  @Test
  void gathersTransposedAndSlicedTensors() throws IOException {
    TorchSave saved = TorchSave.dictionary().storage("0", TorchSave.floats(SIX));
    saved.text("rows").tensor("FloatStorage", "0", 6, 0, new long[] {3, 2}, new long[] {1, 3});
    saved.text("column").tensor("FloatStorage", "0", 6, 1, new long[] {2, 1}, new long[] {3, 1});
    saved.text("one row").tensor("FloatStorage", "0", 6, 3, new long[] {1, 3}, new long[] {9, 1});
    saved.text("steps").tensor("FloatStorage", "0", 6, 0, new long[] {3}, new long[] {2});
    saved.text("scalar").tensor("FloatStorage", "0", 6, 5, new long[0], new long[0]);
    saved.text("none").tensor("FloatStorage", "0", 6, 6, new long[] {0, 7}, new long[] {1, 9});
    try (PytorchFile tensors = open(saved)) {
      assertThat(tensors.readFloats("rows")).containsExactly(1, 4, 2, 5, 3, 6);
      assertThat(tensors.readFloats("column")).containsExactly(2, 5);
      assertThat(tensors.readFloats("one row")).containsExactly(4, 5, 6);
      assertThat(tensors.readFloats("steps")).containsExactly(1, 3, 5);
      assertThat(tensors.readFloats("scalar")).containsExactly(6);
      assertThat(tensors.readFloats("none")).isEmpty();
    }
  }

  @Test
  void gathersMoreThanOneChunk() throws IOException {
    int rows = 301;
    int columns = 1009;
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    TorchSave saved = TorchSave.dictionary().storage("0", TorchSave.floats(values));
    saved
        .text("t")
        .tensor(
            "FloatStorage",
            "0",
            values.length,
            0,
            new long[] {columns, rows},
            new long[] {1, columns});
    float[] expected = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      expected[i] = values[i % rows * columns + i / rows];
    }
    try (PytorchFile tensors = open(saved)) {
      assertThat(tensors.readFloats("t")).isEqualTo(expected);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      tensors.copyTo(info(tensors, "t"), WeightDtype.BFLOAT16, Channels.newChannel(out));
      byte[] bytes = out.toByteArray();
      assertThat(bytes).hasSize(2 * values.length);
      for (int i = 0; i < values.length; i++) {
        short pattern = (short) ((bytes[2 * i] & 0xff) | bytes[2 * i + 1] << 8);
        assertThat(pattern).isEqualTo(FloatFormats.floatToBf16(expected[i]));
      }
    }
  }

  @Test
  void readsModulesThatSaveParametersAndVersions() throws IOException {
    TorchSave saved = TorchSave.empty().storage("0", TorchSave.floats(SIX));
    saved.op(0x80, 2).global("collections", "OrderedDict").op(')', 'R', 'q', 0, '(');
    saved.text("w").global("torch._utils", "_rebuild_parameter").op('(');
    saved.tensor("FloatStorage", "0", 6, 0, new long[] {6}, new long[] {1}).op(0x88);
    saved.global("collections", "OrderedDict").op(')', 'R', 't', 'R', 'u', '}');
    saved.text("_metadata").op('}').text("").op('}').text("version").op('K', 1, 's', 's', 's', 'b');
    saved.op('.').writePickle(file);
    try (PytorchFile tensors = PytorchFile.open(file)) {
      assertThat(tensors.tensors().keySet()).containsExactly("w");
      assertThat(tensors.readFloats("w")).containsExactly(SIX);
    }
  }

  @Test
  void readsTheNewerInstructions() throws IOException {
    TorchSave saved = TorchSave.empty().storage("0", TorchSave.floats(SIX));
    saved.op(0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0, '}', 0x94, 0x8c, 1, 'w', 0x94);
    saved.text("torch._utils").text("_rebuild_tensor_v2").op(0x93, 0x94, '(', '(');
    saved.text("storage").text("torch").text("FloatStorage").op(0x93).text("0").text("cpu");
    saved.op('M', 6, 0, 't', 'Q', 'J', 1, 0, 0, 0, 'K', 2, 'K', 2, 0x86, 'K', 2, 'K', 1, 0x86);
    saved.op(0x89, 'N', 't', 'R', 'r', 9, 1, 0, 0, 's', ']', '(', 'G').repeat(8, 0);
    saved.op('N', 'e', 'N', 'a', 'q', 7, 'j', 0, 0, 0, 0, '(', 'X', 1, 0, 0, 0, 'v');
    saved.op('j', 9, 1, 0, 0, 'u', '.');
    saved.writePickle(file);
    try (PytorchFile tensors = PytorchFile.open(file)) {
      assertThat(tensors.readFloats("w")).containsExactly(2, 3, 4, 5);
      assertThat(tensors.readFloats("v")).containsExactly(2, 3, 4, 5);
    }
  }

  @Test
  void readsFilesWithTheZipFormatsLargeNumbers() throws IOException {
    try (PytorchFile tensors = open(TorchSave.dictionary().tensor("t", SIX, 3, 2).zip64())) {
      assertThat(tensors.readFloats("t")).containsExactly(SIX);
    }
  }

  @Test
  void refusesTensorsOfOtherFiles() throws IOException {
    try (PytorchFile tensors = open(TorchSave.dictionary().tensor("t", SIX, 3, 2))) {
      TensorInfo other = new TensorInfo("t", "F32", List.of(3L, 2L), 0, 24);
      assertThatThrownBy(
              () ->
                  tensors.copyTo(
                      other, WeightDtype.FLOAT32, Channels.newChannel(new ByteArrayOutputStream())))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(file + ": has no " + other);
      assertThatThrownBy(() -> tensors.readFloats("u"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(file + ": has no tensor u");
    }
  }

  @Test
  void aDamagedFileIsReadOrRefusedAndNothingElse() throws IOException {
    byte[] good = Files.readAllBytes(Golden.path("llama/adapters/lora-bin/adapter_model.bin"));
    Random random = new Random(5);
    int refused = 0;
    for (int i = 0; i < 1200; i++) {
      byte[] damaged = good.clone();
      for (int j = 0; j <= i % 3; j++) {
        // The pickle, or the zip file's table at the end; the elements may be anything.
        int position = random.nextInt(1162 + 1500);
        position = position < 1162 ? position : good.length - 1 - (position - 1162);
        damaged[position] ^= (byte) (1 << random.nextInt(8));
      }
      if (i % 10 == 0) {
        damaged = Arrays.copyOf(damaged, random.nextInt(good.length));
      }
      Files.write(file, damaged);
      try (PytorchFile tensors = PytorchFile.open(file)) {
        for (TensorInfo tensor : tensors.tensors().values()) {
          if (tensor.isFloat()) {
            tensors.readFloats(tensor.name());
          }
        }
      } catch (FormatException e) {
        assertThat(e).hasMessageStartingWith(file + ": ");
        refused++;
      }
    }
    assertThat(refused).isBetween(400, 1199);
  }
}
