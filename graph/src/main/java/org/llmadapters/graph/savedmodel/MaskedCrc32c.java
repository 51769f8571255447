package org.llmadapters.graph.savedmodel;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * CRC-32C in the form in which TensorFlow and LevelDB store it: rotated right by 15 bits, plus a
 * constant, so that the CRC of data that holds CRCs stays useful.
 */
public final class MaskedCrc32c {
  private static final int DELTA = 0xa282ead8;

  private MaskedCrc32c() {}

  /** The stored form of a finished CRC. */
  static int mask(CRC32C crc) {
    return Integer.rotateRight((int) crc.getValue(), 15) + DELTA;
  }

  /** The stored form of the CRC of {@code bytes}, from position to limit; moves neither. */
  public static int of(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.duplicate());
    return mask(crc);
  }
}
