package org.llmadapters.graph.savedmodel;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/** Writes an {@link IndexTable}. No key is prefix-compressed, every entry is a restart. */
final class IndexTableWriter {

  /** The size at which a data block is closed. */
  private static final int BLOCK_BYTES = 64 << 10;

  private final ByteString.Output file = ByteString.newOutput();
  private final Block index = new Block();

  private IndexTableWriter() {}

  /**
   * The bytes of a table.
   *
   * @param entries sorted by the unsigned bytes of their keys
   */
  static ByteString write(SortedMap<ByteString, ByteString> entries) {
    IndexTableWriter writer = new IndexTableWriter();
    Block block = new Block();
    ByteString last = ByteString.EMPTY;
    for (Map.Entry<ByteString, ByteString> entry : entries.entrySet()) {
      if (block.size() >= BLOCK_BYTES) {
        writer.index.add(last, writer.append(block));
        block = new Block();
      }
      last = entry.getKey();
      block.add(last, entry.getValue());
    }
    writer.index.add(last, writer.append(block));

    ByteString metaindexHandle = writer.append(new Block());
    ByteString indexHandle = writer.append(writer.index);
    ByteString handles = metaindexHandle.concat(indexHandle);
    byte[] padding = new byte[IndexTable.FOOTER_BYTES - Long.BYTES - handles.size()];
    write(writer.file, handles);
    write(writer.file, ByteString.copyFrom(padding));
    write(writer.file, int64(IndexTable.MAGIC));
    return writer.file.toByteString();
  }

  /** Appends a block with its trailer; its handle. */
  private ByteString append(Block block) {
    ByteString.Output handle = ByteString.newOutput();
    ByteString bytes = block.finish();
    writeVarint(handle, file.size());
    writeVarint(handle, bytes.size());
    ByteString typed = bytes.concat(ByteString.copyFrom(new byte[] {IndexTable.UNCOMPRESSED}));
    write(file, typed);
    write(file, int32(MaskedCrc32c.of(ByteBuffer.wrap(typed.toByteArray()))));
    return handle.toByteString();
  }

  /** The entries of one block. */
  private static final class Block {
    private final ByteString.Output bytes = ByteString.newOutput();
    private final List<Integer> restarts = new ArrayList<>();

    int size() {
      return bytes.size();
    }

    void add(ByteString key, ByteString value) {
      restarts.add(bytes.size());
      writeVarint(bytes, 0);
      writeVarint(bytes, key.size());
      writeVarint(bytes, value.size());
      write(bytes, key);
      write(bytes, value);
    }

    ByteString finish() {
      if (restarts.isEmpty()) {
        restarts.add(0);
      }
      restarts.forEach(restart -> write(bytes, int32(restart)));
      write(bytes, int32(restarts.size()));
      return bytes.toByteString();
    }
  }

  private static void writeVarint(ByteString.Output output, int value) {
    int rest = value;
    while (rest >= 0x80) {
      output.write((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    output.write(rest);
  }

  private static void write(ByteString.Output output, ByteString bytes) {
    output.write(bytes.toByteArray(), 0, bytes.size());
  }

  private static ByteString int32(int value) {
    ByteBuffer buffer = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    return ByteString.copyFrom(buffer.putInt(value).flip());
  }

  private static ByteString int64(long value) {
    ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    return ByteString.copyFrom(buffer.putLong(value).flip());
  }
}
