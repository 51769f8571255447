package org.llmadapters.graph.savedmodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.savedmodel.TensorBundle.Entry;
import org.tensorflow.proto.DataType;

class TensorBundleWriterTest {
  @TempDir Path directory;
  Path prefix;

  @BeforeEach
  void choosePrefix() {
    prefix = directory.resolve("variables").resolve("variables");
  }

  private void write(long maxShardBytes, List<TestTensor> tensors) throws IOException {
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, maxShardBytes)) {
      for (TestTensor tensor : tensors) {
        tensor.addTo(writer);
      }
      writer.finish();
    }
  }

  private List<String> files() throws IOException {
    try (Stream<Path> files = Files.list(prefix.getParent())) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void tensorFlowRestoresWhatWasWritten() throws IOException {
    List<TestTensor> tensors = TestTensor.assorted(1);
    write(TensorBundleWriter.DEFAULT_SHARD_BYTES, tensors);
    assertThat(files()).containsExactly("variables.data-00000-of-00001", "variables.index");
    assertThat(TensorFlowBundles.restore(prefix, tensors)).isEqualTo(tensors);
  }

  @Test
  void tensorFlowRestoresFromSeveralShards() throws IOException {
    List<TestTensor> tensors = TestTensor.assorted(2);
    write(128, tensors);
    assertThat(files())
        .containsExactly(
            "variables.data-00000-of-00003",
            "variables.data-00001-of-00003",
            "variables.data-00002-of-00003",
            "variables.index");
    assertThat(TensorFlowBundles.restore(prefix, tensors)).isEqualTo(tensors);
  }

  @Test
  void tensorFlowFindsEveryKeyInAnIndexOfSeveralBlocks() throws IOException {
    Random random = new Random(3);
    List<TestTensor> tensors = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      String key = "model.layers.%d.mlp.experts.%d.down_proj.weight".formatted(i % 60, i);
      tensors.add(TestTensor.random(key, DataType.DT_FLOAT, List.of(3L, 1L), random));
    }
    Collections.shuffle(tensors, random);
    write(10_000, tensors);
    assertThat(Files.size(prefix.resolveSibling("variables.index"))).isGreaterThan(3 * (64 << 10));
    assertThat(TensorFlowBundles.restore(prefix, tensors)).isEqualTo(tensors);
  }

  @Test
  void ourReaderGivesBackWhatWasWritten() throws IOException {
    List<TestTensor> tensors = TestTensor.assorted(4);
    write(100, tensors);
    TensorBundle bundle = TensorBundle.open(prefix);
    assertThat(bundle.entries().keySet())
        .containsExactly(
            "Zuerst/größer",
            "empty",
            "model.layers.0.bias",
            "model.layers.0.q_proj.weight",
            "model.norm",
            "scalar");
    for (TestTensor tensor : tensors) {
      Entry entry = bundle.entry(tensor.key());
      assertThat(entry.dtype()).isEqualTo(tensor.dtype());
      assertThat(entry.shape()).isEqualTo(tensor.shape());
      assertThat(bundle.read(entry)).isEqualTo(tensor.bytes());
    }
  }

  @Test
  void fileNamesDoNotDependOnTheLocale() throws IOException {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
      write(1, List.of());
    } finally {
      Locale.setDefault(before);
    }
    assertThat(files()).containsExactly("variables.data-00000-of-00001", "variables.index");
  }

  @Test
  void tensorsAreAlignedTo64Bytes() throws IOException {
    write(TensorBundleWriter.DEFAULT_SHARD_BYTES, TestTensor.assorted(5));
    assertThat(TensorBundle.open(prefix).entries().values())
        .filteredOn(entry -> entry.bytes() > 0)
        .extracting(Entry::offset)
        .containsExactlyInAnyOrder(0L, 64L, 128L, 192L, 256L);
  }

  @Test
  void onlyATensorAloneMakesAShardLargerThanTheLimit() throws IOException {
    Random random = new Random(6);
    write(
        128,
        List.of(
            TestTensor.random("a", DataType.DT_UINT8, List.of(64L), random),
            TestTensor.random("b", DataType.DT_UINT8, List.of(64L), random),
            TestTensor.random("c", DataType.DT_UINT8, List.of(1L), random),
            TestTensor.random("d", DataType.DT_UINT8, List.of(200L), random),
            TestTensor.random("e", DataType.DT_UINT8, List.of(0L), random)));
    assertThat(TensorBundle.open(prefix).entries().values())
        .extracting(Entry::shard)
        .containsExactly(0, 0, 1, 2, 2);
  }

  @Test
  void bytesMayComeInPiecesOfAnySize() throws IOException {
    byte[] bytes = new byte[3_000_001];
    new Random(7).nextBytes(bytes);
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, Long.MAX_VALUE)) {
      writer.add(
          "pieces",
          DataType.DT_INT8,
          List.of((long) bytes.length),
          channel -> {
            channel.write(ByteBuffer.wrap(bytes, 0, 1));
            ByteBuffer direct = ByteBuffer.allocateDirect(2_500_000);
            direct.put(bytes, 1, 2_500_000).flip();
            assertThat(channel.write(direct)).isEqualTo(2_500_000);
            assertThat(direct.hasRemaining()).isFalse();
            channel.write(ByteBuffer.wrap(bytes, 2_500_001, 500_000).asReadOnlyBuffer());
          });
      writer.finish();
    }
    TensorBundle bundle = TensorBundle.open(prefix);
    assertThat(bundle.read(bundle.entry("pieces")).array()).isEqualTo(bytes);
  }

  @Test
  void writesABundleWithoutTensors() throws IOException {
    write(1, List.of());
    assertThat(files()).containsExactly("variables.data-00000-of-00001", "variables.index");
    assertThat(TensorBundle.open(prefix).entries()).isEmpty();
  }

  @Test
  void leavesNothingBehindUnlessFinished() throws IOException {
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, 16)) {
      for (TestTensor tensor : TestTensor.assorted(8)) {
        tensor.addTo(writer);
      }
      assertThat(files()).hasSize(5).allMatch(name -> name.endsWith(".tmp"));
    }
    assertThat(files()).isEmpty();
  }

  @Test
  void refusesToReplaceABundle() throws IOException {
    write(1, List.of());
    assertThatThrownBy(() -> TensorBundleWriter.create(prefix, 1))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessage(prefix + ".index");
  }

  @Test
  void rejectsASourceThatWritesTooFewBytes() throws IOException {
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, 100)) {
      assertThatThrownBy(() -> writer.add("w", DataType.DT_FLOAT, List.of(2L, 3L), zeros(23)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("tensor 'w', DT_FLOAT [2, 3]: its source wrote 23 bytes, expected 24");
      assertThatThrownBy(writer::finish)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(prefix + ": the bundle is finished or closed, or one of its tensors failed");
    }
    assertThat(files()).isEmpty();
  }

  @Test
  void rejectsASourceThatWritesTooManyBytes() throws IOException {
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, 100)) {
      assertThatThrownBy(() -> writer.add("w", DataType.DT_FLOAT, List.of(2L, 3L), zeros(24, 1)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "tensor 'w', DT_FLOAT [2, 3]: its source wrote at least 25 bytes, expected 24");
    }
  }

  /** Writes as many zeros at a time as {@code counts} say. */
  private static TensorBundleWriter.Source zeros(int... counts) {
    return channel -> {
      for (int count : counts) {
        channel.write(ByteBuffer.allocate(count));
      }
    };
  }

  @Test
  void rejectsAFinishedBundle() throws IOException {
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, 1)) {
      writer.finish();
      assertThatThrownBy(() -> writer.add("w", DataType.DT_FLOAT, List.of(), zeros(4)))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(writer::finish).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void rejectsTensorsThatCannotBeStored() throws IOException {
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, 1)) {
      assertRejected(
          writer, "", DataType.DT_FLOAT, List.of(), "a key has 1 to 4096 bytes, got 0 in ''");
      assertRejected(
          writer,
          "ü".repeat(2049),
          DataType.DT_FLOAT,
          List.of(),
          "a key has 1 to 4096 bytes, got 4098 in '" + "ü".repeat(2049) + "'");
      assertRejected(
          writer,
          "w",
          DataType.DT_STRING,
          List.of(),
          "tensor 'w': elements of DT_STRING have no fixed size");
      assertRejected(
          writer, "w", DataType.DT_FLOAT, List.of(2L, -1L), "tensor 'w': invalid shape [2, -1]");
      assertRejected(
          writer,
          "w",
          DataType.DT_HALF,
          List.of(1L << 31, 1L << 31),
          "tensor 'w': invalid shape [2147483648, 2147483648]");
      List<Long> ones = Collections.nCopies(255, 1L);
      assertRejected(writer, "w", DataType.DT_INT8, ones, "tensor 'w': invalid shape " + ones);
      writer.add("w", DataType.DT_FLOAT, List.of(), zeros(4));
      assertRejected(writer, "w", DataType.DT_FLOAT, List.of(), "key 'w' was added before");
      writer.finish();
    }
    assertThat(TensorBundle.open(prefix).entries()).containsOnlyKeys("w");
  }

  private static void assertRejected(
      TensorBundleWriter writer, String key, DataType dtype, List<Long> shape, String message) {
    assertThatThrownBy(() -> writer.add(key, dtype, shape, zeros()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void rejectsAShardSizeBelowOne() {
    assertThatThrownBy(() -> TensorBundleWriter.create(prefix, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxShardBytes must be >= 1, got 0");
  }
}
