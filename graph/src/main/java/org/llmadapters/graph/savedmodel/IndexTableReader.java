package org.llmadapters.graph.savedmodel;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llmadapters.graph.FormatException;

/**
 * Reads an {@link IndexTable} and checks all of it: bounds, order and CRC of the blocks, lengths
 * and order of the keys.
 */
final class IndexTableReader {
  private final Path file;
  private final ByteBuffer bytes;
  private long keyBytes;

  private IndexTableReader(Path file, ByteBuffer bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /**
   * The entries of the table in {@code file}.
   *
   * @throws FormatException if the file is missing, too large, corrupt or compressed
   */
  static SortedMap<ByteString, ByteString> read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new FormatException(file, "no such file; expected the index of a TensorBundle");
    }
    long size = Files.size(file);
    if (size < IndexTable.FOOTER_BYTES || size > IndexTable.MAX_BYTES) {
      throw new FormatException(
          file,
          "not the index of a TensorBundle: got %d bytes, expected %d to %d",
          size,
          IndexTable.FOOTER_BYTES,
          IndexTable.MAX_BYTES);
    }
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    return new IndexTableReader(file, bytes).entries();
  }

  private SortedMap<ByteString, ByteString> entries() {
    if (bytes.remaining() < IndexTable.FOOTER_BYTES) {
      throw new FormatException(file, "was cut while it was read; got %d bytes", bytes.remaining());
    }
    int blocksEnd = bytes.limit() - IndexTable.FOOTER_BYTES;
    ByteBuffer footer = slice(blocksEnd, IndexTable.FOOTER_BYTES);
    long magic = footer.getLong(IndexTable.FOOTER_BYTES - Long.BYTES);
    if (magic != IndexTable.MAGIC) {
      throw new FormatException(
          file,
          "not the index of a TensorBundle: it ends in %016x, expected %016x",
          magic,
          IndexTable.MAGIC);
    }
    footer.limit(IndexTable.FOOTER_BYTES - Long.BYTES);
    block(readHandle(footer), blocksEnd);
    Handle index = readHandle(footer);

    SortedMap<ByteString, ByteString> handles = newTable();
    addEntries(block(index, blocksEnd), handles);
    SortedMap<ByteString, ByteString> entries = newTable();
    long end = 0;
    for (ByteString value : handles.values()) {
      Handle handle = readHandle(value.asReadOnlyByteBuffer());
      if (handle.offset < end) {
        throw new FormatException(
            file,
            "block at %d begins before the end of the block before it, %d",
            handle.offset,
            end);
      }
      addEntries(block(handle, blocksEnd), entries);
      end = handle.offset + handle.length;
    }
    return Collections.unmodifiableSortedMap(entries);
  }

  private static SortedMap<ByteString, ByteString> newTable() {
    return new TreeMap<>(ByteString.unsignedLexicographicalComparator());
  }

  /** Where a block is, in bytes. */
  private record Handle(long offset, long length) {}

  private Handle readHandle(ByteBuffer source) {
    return new Handle(readVarint(source), readVarint(source));
  }

  /** The entries and restarts of a block whose bounds, type and crc are right. */
  private ByteBuffer block(Handle handle, int blocksEnd) {
    long room = (long) blocksEnd - IndexTable.TRAILER_BYTES;
    if (handle.offset < 0
        || handle.length < Integer.BYTES
        || handle.offset > room
        || handle.length > room - handle.offset) {
      throw new FormatException(
          file,
          "block of %d bytes at %d does not lie within the %d bytes before the footer",
          handle.length,
          handle.offset,
          blocksEnd);
    }
    int offset = (int) handle.offset;
    int length = (int) handle.length;
    ByteBuffer trailer = slice(offset + length, IndexTable.TRAILER_BYTES);
    byte type = trailer.get();
    int stored = trailer.getInt();
    int computed = MaskedCrc32c.of(slice(offset, length + 1));
    if (computed != stored) {
      throw new FormatException(
          file,
          "block at %d is corrupt: its crc is %08x, expected %08x; get the file again",
          offset,
          computed,
          stored);
    }
    if (type == IndexTable.SNAPPY) {
      throw new FormatException(
          file,
          "block at %d is compressed with snappy, which is not supported; save the bundle with"
              + " SaveV2, which does not compress",
          offset);
    }
    if (type != IndexTable.UNCOMPRESSED) {
      throw new FormatException(file, "block at %d has type %d, expected 0", offset, type);
    }
    return slice(offset, length);
  }

  private void addEntries(ByteBuffer block, SortedMap<ByteString, ByteString> entries) {
    long restarts = Integer.toUnsignedLong(block.getInt(block.limit() - Integer.BYTES));
    long end = block.limit() - Integer.BYTES * (restarts + 1);
    if (end < 0) {
      throw new FormatException(
          file, "block of %d bytes cannot hold its %d restarts", block.limit(), restarts);
    }
    block.limit((int) end);
    byte[] key = {};
    while (block.hasRemaining()) {
      long shared = readVarint(block);
      long unshared = readVarint(block);
      long valueLength = readVarint(block);
      key = nextKey(key, shared, unshared, block);
      ByteString keyString = ByteString.copyFrom(key);
      if (!entries.isEmpty() && compare(entries.lastKey(), keyString) >= 0) {
        throw new FormatException(
            file, "key %s does not come after %s", text(keyString), text(entries.lastKey()));
      }
      if (valueLength < 0
          || valueLength > IndexTable.MAX_VALUE_BYTES
          || valueLength > block.remaining()) {
        throw new FormatException(
            file,
            "value of key %s has %d bytes, expected at most %d",
            text(keyString),
            valueLength,
            Math.min(IndexTable.MAX_VALUE_BYTES, block.remaining()));
      }
      int length = (int) valueLength;
      entries.put(keyString, ByteString.copyFrom(block.slice(block.position(), length)));
      block.position(block.position() + length);
    }
  }

  private byte[] nextKey(byte[] last, long shared, long unshared, ByteBuffer block) {
    if (shared < 0
        || shared > last.length
        || unshared < 0
        || unshared > block.remaining()
        || shared + unshared > IndexTable.MAX_KEY_BYTES) {
      throw new FormatException(
          file,
          "key of %d bytes, %d of them shared with the %d of the key before it; expected at most"
              + " %d bytes",
          shared + unshared,
          shared,
          last.length,
          IndexTable.MAX_KEY_BYTES);
    }
    keyBytes += shared + unshared;
    if (keyBytes > IndexTable.MAX_BYTES) {
      throw new FormatException(
          file, "its keys have more than %d bytes together", IndexTable.MAX_BYTES);
    }
    byte[] key = new byte[(int) (shared + unshared)];
    System.arraycopy(last, 0, key, 0, (int) shared);
    block.get(key, (int) shared, (int) unshared);
    return key;
  }

  private long readVarint(ByteBuffer source) {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      if (!source.hasRemaining()) {
        throw new FormatException(file, "ends within a number of variable length");
      }
      byte next = source.get();
      value |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new FormatException(file, "has a number of more than 64 bits");
  }

  private static int compare(ByteString left, ByteString right) {
    return ByteString.unsignedLexicographicalComparator().compare(left, right);
  }

  private static String text(ByteString key) {
    return "'" + key.toStringUtf8() + "'";
  }

  private ByteBuffer slice(int offset, int length) {
    return bytes.slice(offset, length).order(ByteOrder.LITTLE_ENDIAN);
  }
}
