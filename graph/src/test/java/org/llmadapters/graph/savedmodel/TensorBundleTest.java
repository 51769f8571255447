package org.llmadapters.graph.savedmodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.savedmodel.TensorBundle.Entry;
import org.tensorflow.proto.BundleEntryProto;
import org.tensorflow.proto.BundleHeaderProto;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.TensorShapeProto;
import org.tensorflow.proto.TensorSliceProto;
import org.tensorflow.proto.VersionDef;

class TensorBundleTest {
  @TempDir Path directory;
  Path prefix;
  Path index;
  Path data;

  @BeforeEach
  void choosePrefix() {
    prefix = directory.resolve("variables");
    index = directory.resolve("variables.index");
    data = directory.resolve("variables.data-00000-of-00001");
  }

  private void write(List<TestTensor> tensors) throws IOException {
    try (TensorBundleWriter writer = TensorBundleWriter.create(prefix, Long.MAX_VALUE)) {
      for (TestTensor tensor : tensors) {
        tensor.addTo(writer);
      }
      writer.finish();
    }
  }

  private void assertHolds(List<TestTensor> tensors) throws IOException {
    TensorBundle bundle = TensorBundle.open(prefix);
    assertThat(bundle.entries()).hasSameSizeAs(tensors);
    for (TestTensor tensor : tensors) {
      Entry entry = bundle.entry(tensor.key());
      assertThat(new TestTensor(entry.key(), entry.dtype(), entry.shape(), bundle.read(entry)))
          .isEqualTo(tensor);
    }
  }

  @Test
  void readsWhatSaveV2Wrote() throws IOException {
    List<TestTensor> tensors = TestTensor.assorted(1);
    TensorFlowBundles.save(prefix, tensors);
    assertHolds(tensors);
  }

  @Test
  void readsPrefixCompressedKeysInSeveralBlocks() throws IOException {
    Random random = new Random(2);
    List<TestTensor> tensors = new ArrayList<>();
    String shared = "experts.".repeat(50);
    for (int i = 0; i < 800; i++) {
      String key = shared + HexFormat.of().formatHex(randomBytes(200, random));
      tensors.add(TestTensor.random(key, DataType.DT_FLOAT, List.of(3L, 1L), random));
    }
    TensorFlowBundles.save(prefix, tensors);
    long keyBytes = tensors.stream().mapToLong(tensor -> tensor.key().length()).sum();
    assertThat(Files.size(index)).isBetween(256L << 10, keyBytes);
    assertHolds(tensors);
  }

  private static byte[] randomBytes(int count, Random random) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  @Test
  void copiesATensorLargerThanItsBuffer() throws IOException {
    TestTensor large =
        TestTensor.random("large", DataType.DT_INT8, List.of(3L, 1_000_003L), new Random(3));
    List<TestTensor> tensors = new ArrayList<>(TestTensor.assorted(3));
    tensors.add(large);
    write(tensors);
    TensorBundle bundle = TensorBundle.open(prefix);
    ByteArrayOutputStream copy = new ByteArrayOutputStream();
    bundle.copyTo(bundle.entry("large"), Channels.newChannel(copy));
    assertThat(copy.toByteArray()).isEqualTo(large.bytes().array());
  }

  @Test
  void readsLittleEndianNumbers() throws IOException {
    write(
        List.of(
            new TestTensor(
                "n", DataType.DT_INT32, List.of(1L), ByteBuffer.wrap(new byte[] {1, 2, 3, 4}))));
    TensorBundle bundle = TensorBundle.open(prefix);
    assertThat(bundle.read(bundle.entry("n")).getInt()).isEqualTo(0x04030201);
  }

  @Test
  void rejectsReadingATensorThatShouldBeStreamed() throws IOException {
    int size = TensorBundle.MAX_READ_BYTES + 1;
    write(
        List.of(
            new TestTensor(
                "w", DataType.DT_INT8, List.of((long) size), ByteBuffer.allocate(size))));
    TensorBundle bundle = TensorBundle.open(prefix);
    assertThatThrownBy(() -> bundle.read(bundle.entry("w")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor 'w' has 67108865 bytes, more than 67108864; use copyTo");
    assertThatCode(() -> bundle.verify(bundle.entry("w"))).doesNotThrowAnyException();
  }

  @Test
  void rejectsAnEntryOfAnotherBundle() throws IOException {
    write(TestTensor.assorted(4));
    Entry foreign = new Entry("scalar", DataType.DT_INT8, List.of(), 0, 0, 1, 0);
    TensorBundle bundle = TensorBundle.open(prefix);
    assertThatThrownBy(() -> bundle.verify(foreign))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("not an entry of " + index + ": " + foreign);
  }

  @Test
  void namesAMissingTensor() throws IOException {
    write(TestTensor.assorted(5));
    TensorBundle bundle = TensorBundle.open(prefix);
    assertThatThrownBy(() -> bundle.entry("bias"))
        .isInstanceOf(FormatException.class)
        .hasMessage(index + ": no tensor 'bias' among its 6 tensors");
  }

  @Test
  void rejectsAFlippedBitInATensor() throws IOException {
    write(TestTensor.assorted(6));
    TensorBundle bundle = TensorBundle.open(prefix);
    Entry entry = bundle.entry("model.norm");
    byte[] bytes = Files.readAllBytes(data);
    bytes[(int) entry.offset() + 7] ^= 0x10;
    Files.write(data, bytes);
    assertThatThrownBy(() -> bundle.verify(entry))
        .isInstanceOf(FormatException.class)
        .hasMessageMatching(
            ".*00001: tensor 'model.norm' is corrupt: its crc is [0-9a-f]{8},"
                + " expected [0-9a-f]{8}; get the file again");
    assertThatThrownBy(() -> bundle.read(entry)).isInstanceOf(FormatException.class);
    bundle.verify(bundle.entry("scalar"));
  }

  @Test
  void rejectsADataFileThatWasCutOrDeleted() throws IOException {
    write(TestTensor.assorted(7));
    TensorBundle bundle = TensorBundle.open(prefix);
    Entry last = bundle.entry("Zuerst/größer");
    Files.write(data, new byte[(int) last.offset() + 4]);
    assertThatThrownBy(() -> bundle.verify(last))
        .isInstanceOf(FormatException.class)
        .hasMessage(data + ": ends within tensor 'Zuerst/größer'; got 4 bytes, expected 11");
    assertThatThrownBy(() -> TensorBundle.open(prefix))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            index
                + ": 1 of 6 tensors cannot be read; get the model's variables/ again\n"
                + "  Zuerst/größer: 11 bytes at 256 do not lie within the 260 bytes of "
                + data.getFileName());
    Files.delete(data);
    assertThatThrownBy(() -> bundle.verify(last))
        .isInstanceOf(FormatException.class)
        .hasMessage(data + ": was deleted after its index was read");
    assertThatThrownBy(() -> TensorBundle.open(prefix))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("6 of 6 tensors cannot be read")
        .hasMessageContaining("scalar: its data file " + data.getFileName() + " is missing");
  }

  @Test
  void rejectsFilesThatAreNoIndex() throws IOException {
    assertRejected("no such file; expected the index of a TensorBundle");
    Files.write(index, new byte[47]);
    assertRejected("not the index of a TensorBundle: got 47 bytes, expected 48 to 67108864");
    Files.write(index, new byte[48]);
    assertRejected(
        "not the index of a TensorBundle: it ends in 0000000000000000, expected db4775248b80fb57");
  }

  @Test
  void rejectsSnappyBlocks() throws IOException {
    write(TestTensor.assorted(8));
    byte[] bytes = Files.readAllBytes(index);
    int dataBlock = BlockSeal.of(bytes).get(0).end();
    bytes[dataBlock] = IndexTable.SNAPPY;
    BlockSeal.of(bytes).forEach(seal -> seal.renew(bytes));
    Files.write(index, bytes);
    assertRejected(
        "block at 0 is compressed with snappy, which is not supported; save the bundle with"
            + " SaveV2, which does not compress");
  }

  @Test
  void rejectsAFlippedBitInTheIndex() throws IOException {
    write(TestTensor.assorted(9));
    byte[] bytes = Files.readAllBytes(index);
    bytes[20] ^= 1;
    Files.write(index, bytes);
    assertThatThrownBy(() -> TensorBundle.open(prefix))
        .isInstanceOf(FormatException.class)
        .hasMessageMatching(
            ".*index: block at 0 is corrupt: its crc is [0-9a-f]{8}, expected [0-9a-f]{8};"
                + " get the file again");
  }

  private void assertRejected(String problem) {
    assertThatThrownBy(() -> TensorBundle.open(prefix))
        .isInstanceOf(FormatException.class)
        .hasMessage(index + ": " + problem);
  }

  /** Writes a sound index of a header and one entry. */
  private void writeIndex(BundleHeaderProto header, BundleEntryProto entry) throws IOException {
    TreeMap<ByteString, ByteString> table =
        new TreeMap<>(ByteString.unsignedLexicographicalComparator());
    table.put(ByteString.EMPTY, header.toByteString());
    table.put(ByteString.copyFromUtf8("w"), entry.toByteString());
    Files.write(index, IndexTableWriter.write(table).toByteArray());
  }

  private static BundleHeaderProto header() {
    return BundleHeaderProto.newBuilder().setNumShards(1).build();
  }

  /** Six floats at the end of a data file of 32 bytes. */
  private static BundleEntryProto.Builder entry() {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    shape.addDimBuilder().setSize(2);
    shape.addDimBuilder().setSize(3);
    return BundleEntryProto.newBuilder()
        .setDtype(DataType.DT_FLOAT)
        .setShape(shape)
        .setOffset(8)
        .setSize(24);
  }

  private void assertEntryRejected(BundleEntryProto.Builder entry, String problem)
      throws IOException {
    writeIndex(header(), entry.build());
    assertRejected(
        "1 of 1 tensors cannot be read; get the model's variables/ again\n  w: " + problem);
  }

  @Test
  void rejectsEntriesThatDoNotFit() throws IOException {
    Files.write(data, new byte[32]);
    writeIndex(header(), entry().build());
    assertThat(TensorBundle.open(prefix).entries()).containsOnlyKeys("w");

    String range = "do not lie within the 32 bytes of " + data.getFileName();
    assertEntryRejected(entry().setOffset(9), "24 bytes at 9 " + range);
    assertEntryRejected(entry().setOffset(-8), "24 bytes at -8 " + range);
    assertEntryRejected(
        entry().setOffset(Long.MAX_VALUE), "24 bytes at 9223372036854775807 " + range);
    assertEntryRejected(entry().setShardId(1), "got shard 1, expected 0 to 0");
    assertEntryRejected(entry().setShardId(-1), "got shard -1, expected 0 to 0");
    assertEntryRejected(entry().setSize(20), "got 20 bytes, expected 24 for DT_FLOAT [2, 3]");
    assertEntryRejected(
        entry().setDtype(DataType.DT_STRING), "got DT_STRING, expected elements of a fixed size");
    assertEntryRejected(
        entry().setDtypeValue(12345), "got UNRECOGNIZED, expected elements of a fixed size");
    assertEntryRejected(
        entry().addSlices(TensorSliceProto.getDefaultInstance()),
        "partitioned in 1 slices, expected whole");
    assertEntryRejected(
        entry().setShape(TensorShapeProto.newBuilder().setUnknownRank(true)), "invalid shape []");
    for (long dimension : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE}) {
      BundleEntryProto.Builder entry = entry();
      entry.getShapeBuilder().getDimBuilder(1).setSize(dimension);
      assertEntryRejected(entry, "invalid shape [2, " + dimension + "]");
    }
  }

  @Test
  void rejectsHeadersOfOtherFormats() throws IOException {
    assertHeaderRejected(
        header().toBuilder().setEndianness(BundleHeaderProto.Endianness.BIG),
        "its tensors are BIG-endian, expected LITTLE");
    assertHeaderRejected(
        header().toBuilder().setVersion(VersionDef.newBuilder().setMinConsumer(2)),
        "needs a reader of version 2, this one is of version 1");
    assertHeaderRejected(header().toBuilder().setNumShards(0), "got 0 shards, expected 1 to 99999");
    assertHeaderRejected(
        header().toBuilder().setNumShards(100_000), "got 100000 shards, expected 1 to 99999");
  }

  private void assertHeaderRejected(BundleHeaderProto.Builder header, String problem)
      throws IOException {
    writeIndex(header.build(), entry().build());
    assertRejected(problem);
  }

  @Test
  void rejectsATableWithoutHeader() throws IOException {
    Files.write(
        index,
        IndexTableWriter.write(new TreeMap<>(ByteString.unsignedLexicographicalComparator()))
            .toByteArray());
    assertRejected("the header of a TensorBundle, its entry '', is missing");
  }

  @Test
  void mutatedFilesAreRejectedOrRead() throws IOException {
    write(TestTensor.assorted(10));
    assertMutationsRejectedOrRead(new Random(11), bytes -> bytes, 400);
  }

  @Test
  void mutatedFilesOfSaveV2AreRejectedOrRead() throws IOException {
    TensorFlowBundles.save(prefix, TestTensor.assorted(12));
    assertMutationsRejectedOrRead(new Random(13), bytes -> bytes, 400);
  }

  @Test
  void mutatedBlocksWithTheRightCrcAreRejectedOrRead() throws IOException {
    TensorFlowBundles.save(prefix, TestTensor.assorted(14));
    List<BlockSeal> seals = BlockSeal.of(Files.readAllBytes(index));
    int rejected =
        assertMutationsRejectedOrRead(
            new Random(15),
            bytes -> {
              seals.stream().filter(seal -> seal.fits(bytes)).forEach(seal -> seal.renew(bytes));
              return bytes;
            },
            2000);
    assertThat(rejected).isBetween(500, 1999);
  }

  /** Mutates the index again and again; the number of files that were rejected. */
  private int assertMutationsRejectedOrRead(
      Random random, UnaryOperator<byte[]> repair, int mutations) throws IOException {
    byte[] sound = Files.readAllBytes(index);
    int rejected = 0;
    for (int i = 0; i < mutations; i++) {
      Files.write(index, repair.apply(mutate(sound, random)), StandardOpenOption.TRUNCATE_EXISTING);
      try {
        TensorBundle bundle = TensorBundle.open(prefix);
        for (Entry entry : bundle.entries().values()) {
          bundle.verify(entry);
        }
      } catch (FormatException e) {
        assertThat(e).hasMessageStartingWith(prefix.toString());
        rejected++;
      }
    }
    assertThat(rejected).isPositive();
    return rejected;
  }

  private static byte[] mutate(byte[] sound, Random random) {
    if (random.nextInt(10) == 0) {
      return Arrays.copyOf(sound, random.nextInt(sound.length));
    }
    byte[] bytes = sound.clone();
    for (int i = 0; i <= random.nextInt(4); i++) {
      bytes[random.nextInt(bytes.length)] = (byte) (random.nextBoolean() ? random.nextInt() : -1);
    }
    return bytes;
  }
}
