package org.llmadapters.graph.savedmodel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * The CRC of one block of an index file with a single data block, to be set right after the block
 * was changed.
 *
 * @param begin of the block
 * @param end of its entries and restarts, where its type is
 */
record BlockSeal(int begin, int end) {

  /** Those of the data, metaindex and index block, which follow each other. */
  static List<BlockSeal> of(byte[] index) {
    ByteBuffer footer = ByteBuffer.wrap(index, index.length - IndexTable.FOOTER_BYTES, 40);
    BlockSeal metaindex = read(footer);
    BlockSeal dataBlock = new BlockSeal(0, metaindex.begin - IndexTable.TRAILER_BYTES);
    return List.of(dataBlock, metaindex, read(footer));
  }

  private static BlockSeal read(ByteBuffer footer) {
    int begin = readVarint(footer);
    return new BlockSeal(begin, begin + readVarint(footer));
  }

  private static int readVarint(ByteBuffer buffer) {
    int value = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = buffer.get();
      value |= (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
  }

  /** Whether the file, perhaps cut, still has the block. */
  boolean fits(byte[] index) {
    return end + IndexTable.TRAILER_BYTES <= index.length;
  }

  void renew(byte[] index) {
    int crc = MaskedCrc32c.of(ByteBuffer.wrap(index, begin, end + 1 - begin));
    ByteBuffer.wrap(index).order(ByteOrder.LITTLE_ENDIAN).putInt(end + 1, crc);
  }
}
