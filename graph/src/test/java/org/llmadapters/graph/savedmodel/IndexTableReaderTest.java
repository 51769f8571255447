package org.llmadapters.graph.savedmodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

/** Tables assembled byte by byte, with every CRC right. */
class IndexTableReaderTest {
  private static final byte[] NO_RESTARTS = {0, 0, 0, 0};

  @TempDir Path directory;
  Path file;
  private final ByteString.Output bytes = ByteString.newOutput();

  @BeforeEach
  void chooseFile() {
    file = directory.resolve("t.index");
  }

  private static byte[] varint(long value) {
    ByteString.Output output = ByteString.newOutput();
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      output.write((int) (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    output.write((int) rest);
    return output.toByteString().toByteArray();
  }

  private static byte[] join(byte[]... parts) {
    ByteString.Output output = ByteString.newOutput();
    for (byte[] part : parts) {
      output.write(part, 0, part.length);
    }
    return output.toByteString().toByteArray();
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] entry(long shared, String unshared, byte[] value) {
    byte[] key = text(unshared);
    return join(varint(shared), varint(key.length), varint(value.length), key, value);
  }

  /** Appends a block; its handle. */
  private byte[] block(byte[]... parts) {
    byte[] typed = join(join(parts), new byte[] {IndexTable.UNCOMPRESSED});
    byte[] handle = join(varint(bytes.size()), varint(typed.length - 1));
    ByteBuffer crc = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    crc.putInt(MaskedCrc32c.of(ByteBuffer.wrap(typed)));
    byte[] sealed = join(typed, crc.array());
    bytes.write(sealed, 0, sealed.length);
    return handle;
  }

  /** Writes the file with an index of the blocks that the handles point at, and reads it. */
  private Map<ByteString, ByteString> read(byte[]... handles) throws IOException {
    byte[][] entries = new byte[handles.length + 1][];
    for (int i = 0; i < handles.length; i++) {
      entries[i] = entry(0, "%03d".formatted(i), handles[i]);
    }
    entries[handles.length] = NO_RESTARTS;
    byte[] footer = join(block(NO_RESTARTS), block(entries));
    ByteBuffer magic = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    magic.putLong(IndexTable.MAGIC);
    byte[] padding = new byte[40 - footer.length];
    Files.write(file, join(bytes.toByteString().toByteArray(), footer, padding, magic.array()));
    return IndexTableReader.read(file);
  }

  private void assertRejected(String problem, byte[]... handles) {
    assertThatThrownBy(() -> read(handles))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": " + problem);
  }

  @Test
  void joinsSharedAndUnsharedKeyBytes() throws IOException {
    byte[] first = block(entry(0, "ab", text("1")), entry(2, "c", text("2")), NO_RESTARTS);
    byte[] second = block(entry(0, "abd", text("")), entry(1, "c", text("4")), NO_RESTARTS);
    assertThat(read(first, second))
        .containsExactly(
            Map.entry(ByteString.copyFromUtf8("ab"), ByteString.copyFromUtf8("1")),
            Map.entry(ByteString.copyFromUtf8("abc"), ByteString.copyFromUtf8("2")),
            Map.entry(ByteString.copyFromUtf8("abd"), ByteString.EMPTY),
            Map.entry(ByteString.copyFromUtf8("ac"), ByteString.copyFromUtf8("4")));
  }

  @Test
  void rejectsKeysThatDoNotAscend() {
    byte[] handle = block(entry(0, "b", text("1")), entry(0, "b", text("2")), NO_RESTARTS);
    assertRejected("key 'b' does not come after 'b'", handle);
  }

  @Test
  void rejectsAKeyThatSharesMoreThanThereIs() {
    byte[] handle = block(entry(0, "b", text("1")), entry(2, "c", text("2")), NO_RESTARTS);
    assertRejected(
        "key of 3 bytes, 2 of them shared with the 1 of the key before it; expected at most 4096"
            + " bytes",
        handle);
  }

  @Test
  void rejectsAKeyThatIsTooLong() {
    byte[] handle = block(entry(0, "k".repeat(4097), text("1")), NO_RESTARTS);
    assertRejected(
        "key of 4097 bytes, 0 of them shared with the 0 of the key before it; expected at most"
            + " 4096 bytes",
        handle);
  }

  @Test
  void rejectsAValueThatIsTooLongOrLeavesItsBlock() {
    assertRejected(
        "value of key 'k' has 8193 bytes, expected at most 8192",
        block(entry(0, "k", new byte[8193]), NO_RESTARTS));
    bytes.reset();
    assertRejected(
        "value of key 'k' has 9 bytes, expected at most 1",
        block(varint(0), varint(1), varint(9), text("kv"), NO_RESTARTS));
    bytes.reset();
    assertRejected(
        "value of key 'k' has -1 bytes, expected at most 1",
        block(varint(0), varint(1), varint(-1), text("kv"), NO_RESTARTS));
  }

  @Test
  void rejectsSmallFilesOfLargeKeys() {
    byte[][] parts = new byte[18_000][];
    parts[0] = entry(0, "k".repeat(4090) + "000000", text(""));
    for (int i = 1; i < parts.length - 1; i++) {
      parts[i] = entry(4090, "%06d".formatted(i), text(""));
    }
    parts[parts.length - 1] = NO_RESTARTS;
    assertRejected("its keys have more than 67108864 bytes together", block(parts));
  }

  @Test
  void rejectsBlocksOutsideTheFile() {
    // before the footer: the metaindex block of 9 bytes and the index block of 15 and the handle
    long max = Long.MAX_VALUE;
    assertRejected(
        "block of 9 bytes at 9223372036854775807 does not lie within the 34 bytes before the"
            + " footer",
        join(varint(max), varint(9)));
    bytes.reset();
    assertRejected(
        "block of 9223372036854775807 bytes at 1 does not lie within the 34 bytes before the"
            + " footer",
        join(varint(1), varint(max)));
    bytes.reset();
    assertRejected(
        "block of 3 bytes at 0 does not lie within the 26 bytes before the footer",
        join(varint(0), varint(3)));
  }

  @Test
  void rejectsABlockListedTwice() {
    byte[] handle = block(NO_RESTARTS);
    assertRejected("block at 0 begins before the end of the block before it, 4", handle, handle);
  }

  @Test
  void rejectsMoreRestartsThanTheBlockHasRoomFor() {
    assertRejected(
        "block of 8 bytes cannot hold its 4294967295 restarts",
        block(new byte[] {0, 0, 0, 0, -1, -1, -1, -1}));
  }

  @Test
  void rejectsNumbersThatDoNotEnd() {
    assertRejected("ends within a number of variable length", block(varint(0), NO_RESTARTS));
    bytes.reset();
    byte[] endless = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0};
    assertRejected("has a number of more than 64 bits", block(endless, NO_RESTARTS));
  }
}
