package org.llmadapters.conversion.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.conversion.safetensors.SafetensorsWriter.Entry;
import org.llmadapters.conversion.tensors.FloatFormats;
import org.llmadapters.conversion.tensors.TensorCodec;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

final class SafetensorsTest {
  @TempDir Path directory;
  private Path file = Path.of("");

  @BeforeEach
  void setUp() {
    file = directory.resolve("model.safetensors");
  }

  private static byte[] bytes(String header, byte... data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }

  private void write(List<Entry> entries, float[]... values) throws IOException {
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, entries, SafetensorsWriter.METADATA)) {
      for (int i = 0; i < entries.size(); i++) {
        writer.write(entries.get(i).name(), values[i]);
      }
      writer.commit();
    }
  }

  private static byte[] converted(SafetensorsFile tensors, String name, WeightDtype dtype)
      throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    TensorInfo tensor = tensors.tensors().get(name);
    assertThat(tensor).isNotNull();
    tensors.copyTo(tensor, dtype, Channels.newChannel(out));
    return out.toByteArray();
  }

  @Test
  void writesTheBytesThatHuggingFaceWrites() throws IOException {
    write(List.of(new Entry("b", WeightDtype.FLOAT32, List.of(1L, 2L))), new float[] {1, -2});
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
    header += " ".repeat(8 - header.length() % 8);
    byte[] expected = bytes(header, new byte[] {0, 0, (byte) 0x80, 0x3f, 0, 0, 0, (byte) 0xc0});
    assertThat(Files.readAllBytes(file)).isEqualTo(expected);
    assertThat(directory.toFile().list()).containsExactly("model.safetensors");
  }

  @Test
  void readsWhatItWrites() throws IOException {
    float[] a = {1, 0.5f, 3, -4, 5, 6.25f};
    write(
        List.of(
            new Entry("z", WeightDtype.FLOAT32, List.of(2L, 3L)),
            new Entry("a", WeightDtype.BFLOAT16, List.of(6L)),
            new Entry("empty", WeightDtype.FLOAT16, List.of(0L, 7L)),
            new Entry("scalar", WeightDtype.FLOAT16, List.of())),
        a,
        a,
        new float[0],
        new float[] {7});
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      assertThat(tensors.metadata()).isEqualTo(Map.of("format", "pt"));
      assertThat(tensors.tensors().keySet()).containsExactly("z", "a", "empty", "scalar");
      assertThat(tensors.tensors().get("z"))
          .isEqualTo(
              new TensorInfo("z", "F32", List.of(2L, 3L), Files.size(file) - 2 - 12 - 24, 24));
      assertThat(tensors.readFloats("z")).isEqualTo(a);
      assertThat(tensors.readFloats("a")).isEqualTo(a);
      assertThat(tensors.readFloats("empty")).isEmpty();
      assertThat(tensors.readFloats("scalar")).containsExactly(7);
    }
  }

  @Test
  void convertsInChunksBetweenAllFormats() throws IOException {
    int count = TensorCodec.CHUNK_BYTES / 2 + 333; // more than one chunk of every format
    Random random = new Random(5);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = FloatFormats.bf16ToFloat(FloatFormats.floatToBf16(random.nextFloat() - 0.5f));
    }
    Entry[] entries =
        WeightDtype.FLOATING.stream()
            .map(dtype -> new Entry(dtype.hfName(), dtype, List.of((long) count)))
            .toArray(Entry[]::new);
    write(List.of(entries), values, values, values);
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      for (WeightDtype target : WeightDtype.FLOATING) {
        byte[] stored = converted(tensors, target.hfName(), target);
        assertThat(stored).hasSize(count * target.bytes());
        // F16 loses bits of small values, so only the others can become everything again.
        assertThat(converted(tensors, "float32", target)).isEqualTo(stored);
        assertThat(converted(tensors, "bfloat16", target)).isEqualTo(stored);
      }
      assertThat(tensors.readFloats("bfloat16")).isEqualTo(values);
      float[] f16 = tensors.readFloats("float16");
      for (int i = 0; i < count; i++) {
        assertThat(f16[i]).isEqualTo(FloatFormats.f16ToFloat(FloatFormats.floatToF16(values[i])));
      }
      assertThat(converted(tensors, "float16", WeightDtype.FLOAT32)).isEqualTo(littleEndian(f16));
    }
  }

  private static byte[] littleEndian(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  @Test
  void copiesTheBytesOfTheSameFormatUnchanged() throws IOException {
    byte[] signallingNan = {1, 0, (byte) 0x80, 0x7f};
    Files.write(
        file,
        bytes("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", signallingNan));
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      assertThat(converted(tensors, "x", WeightDtype.FLOAT32)).isEqualTo(signallingNan);
      assertThat(converted(tensors, "x", WeightDtype.BFLOAT16)).containsExactly(0xc0, 0x7f);
    }
  }

  @Test
  void narrowsDoublesInOneRounding() throws IOException {
    byte[] data = new byte[8];
    ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).putDouble(1 + 0x1p-11 + 0x1p-40);
    Files.write(
        file, bytes("{\"x\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", data));
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      assertThat(converted(tensors, "x", WeightDtype.FLOAT16)).containsExactly(0x01, 0x3c);
      assertThat(tensors.readFloats("x")).containsExactly((float) (1 + 0x1p-11));
    }
  }

  @Test
  void readsIntegers() throws IOException {
    Files.write(
        file,
        bytes(
            "{\"i\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[8,16]},"
                + "\"l\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
            new byte[] {3, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, 2, 0, 0, 0}));
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      assertThat(tensors.readLongs("l")).containsExactly(3);
      assertThat(tensors.readLongs("i")).containsExactly(-1, 2);
      assertThatThrownBy(() -> tensors.readFloats("i"))
          .isInstanceOf(FormatException.class)
          .hasMessage(file + ": i: dtype I32, expected F64, F32, BF16 or F16");
      assertThatThrownBy(() -> tensors.readFloats("j"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(file + ": has no tensor j");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[] | its header must begin with {",
        "{ | is not JSON",
        "{}x | is not JSON",
        "{\"x\":3} | x must be an object, got 3",
        "{\"__metadata__\":{\"a\":1}} | __metadata__.a must be a string, got 1",
        "{\"x\":{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}} | x: unknown dtype",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}} | x: shape must be",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}} | x: shape must be",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}"
            + "| x: shape [4294967296, 4294967296] is too large",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,18446744073709551616]}}"
            + "| x: data_offsets must be",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}"
            + "| x: F32 [2] needs 8 bytes, but data_offsets [0, 4] are 4",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
            + "| x: data_offsets [0, 8] reach beyond the 4 data bytes of the file",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}"
            + "| x: data_offsets must be [begin, end], got [4, 0]",
        "{\"x\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[2,4]}}"
            + "| x: begins at data byte 2, but the header ends at 0; tensors must not leave holes",
        "{\"x\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}"
            + "| 2 bytes at the end belong to no tensor",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"y\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[2,4]}}"
            + "| y: begins at data byte 2, but x ends at 4; tensors must not overlap",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
            + "| Duplicate field 'x'",
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"k\":1}}"
            + "| x: unknown key \"k\"",
      })
  void rejectsABadHeader(String header, String message) throws IOException {
    Files.write(file, bytes(header, new byte[4]));
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message);
  }

  @Test
  void listsAllProblemsOfAHeader() throws IOException {
    Files.write(
        file,
        bytes(
            "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]},"
                + "\"y\":{\"dtype\":\"F32\",\"shape\":\"2\",\"data_offsets\":[0,4]}}"));
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .hasMessage(
            file
                + ": is not a valid safetensors file: 2 problems in its header\n"
                + "  x: data_offsets [0, 4] reach beyond the 0 data bytes of the file: is it"
                + " truncated?\n"
                + "  y: shape must be a list of at most 64 integers that are not negative, got"
                + " \"2\"");
  }

  @Test
  void rejectsABadLength() throws IOException {
    Files.write(file, new byte[7]);
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": has 7 bytes; a safetensors file has at least 8: is it truncated?");
    Files.write(file, new byte[] {9, 0, 0, 0, 0, 0, 0, 0, '{', '}'});
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": has 10 bytes, but its header alone needs 17: is it truncated?");
    Files.write(file, new byte[] {-1, -1, -1, -1, -1, -1, -1, -1, '{', '}'});
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": is not a safetensors file: header length 18446744073709551615, expected at"
                + " most 100000000");
  }

  @Test
  void aDamagedFileIsReadOrRefusedAndNothingElse() throws IOException {
    write(
        List.of(
            new Entry("a.weight", WeightDtype.FLOAT32, List.of(2L, 3L)),
            new Entry("b.weight", WeightDtype.BFLOAT16, List.of(5L))),
        new float[6],
        new float[5]);
    byte[] good = Files.readAllBytes(file);
    Random random = new Random(11);
    int refused = 0;
    for (int i = 0; i < 1500; i++) {
      byte[] damaged = good.clone();
      if (i % 3 == 0) {
        damaged = Arrays.copyOf(good, random.nextInt(good.length));
      } else {
        for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
          damaged[random.nextInt(good.length)] ^= (byte) (1 << random.nextInt(8));
        }
      }
      Files.write(file, damaged);
      try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
        for (TensorInfo tensor : tensors.tensors().values()) {
          if (tensor.isFloat()) {
            assertThat(tensors.readFloats(tensor.name())).hasSize((int) tensor.elements());
          }
        }
      } catch (FormatException e) {
        refused++;
        assertThat(e).hasMessageStartingWith(file + ": ");
      }
    }
    assertThat(refused).isGreaterThan(750).isLessThan(1500);
  }

  @Test
  void aMissingFileIsRefused() {
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": no such file");
  }

  @Test
  void theWriterChecksOrderCountAndCompleteness() throws IOException {
    List<Entry> entries =
        List.of(
            new Entry("a", WeightDtype.FLOAT32, List.of(2L)),
            new Entry("b", WeightDtype.FLOAT32, List.of(2L)));
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, entries, Map.of())) {
      assertThatThrownBy(() -> writer.write("b", new float[2]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(file + ": the next tensor is a, got b");
      writer.write("a", new float[2]);
      assertThatThrownBy(() -> writer.write("b", new float[3]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("got 12 bytes, expected 8");
      assertThatThrownBy(writer::commit)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(file + ": not written yet: b");
    }
    assertThat(directory).isEmptyDirectory();
    assertThatThrownBy(
            () -> SafetensorsWriter.create(file, List.of(entries.get(0), entries.get(0)), Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("two tensors are called a");
  }
}
