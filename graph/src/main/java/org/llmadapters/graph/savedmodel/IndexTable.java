package org.llmadapters.graph.savedmodel;

/**
 * The layout of a TensorBundle's index file: a LevelDB table, sorted pairs of a key and a value.
 *
 * <pre>
 *   file   := data block*  metaindex block  index block  footer
 *   block  := entry*  restart*  number of restarts: int32  |  type: 1 byte  crc: int32
 *   entry  := shared: varint  unshared: varint  value length: varint  unshared key bytes  value
 *   restart := offset in its block of an entry that shares nothing: int32
 *   handle := offset of a block in the file: varint64  its length without type and crc: varint64
 *   footer := handle of the metaindex block  handle of the index block  zeros up to 40 bytes
 *             0xdb4775248b80fb57: int64
 * </pre>
 *
 * Integers of a fixed width are little-endian. {@code shared} is the number of leading bytes that a
 * key has in common with the key before it. The type of a block is 0, uncompressed (1 is snappy).
 * Its crc is the {@link MaskedCrc32c} of all its bytes up to and including the type. An entry of
 * the index block has as its value the handle of a data block, and as its key one that is not less
 * than the last key of that block and less than the first of the next. The metaindex block is
 * empty.
 *
 * <p>In a TensorBundle the key {@code ""} has a {@code BundleHeaderProto} as its value, every other
 * key is the name of a tensor in UTF-8 and has a {@code BundleEntryProto}.
 *
 * <p>Source: {@code tensorflow/core/lib/io/table_builder.cc}, {@code format.cc} and {@code
 * tensorflow/core/util/tensor_bundle/tensor_bundle.h} of TensorFlow 2.18.
 */
final class IndexTable {
  static final long MAGIC = 0xdb4775248b80fb57L;
  static final int FOOTER_BYTES = 48;
  static final int TRAILER_BYTES = 5;
  static final byte UNCOMPRESSED = 0;
  static final byte SNAPPY = 1;

  /**
   * The largest index file, and the most bytes that its keys may have together: far above any
   * model's (about 100 bytes per tensor), and what a corrupt file can make a reader allocate.
   */
  static final int MAX_BYTES = 64 << 20;

  /** The longest key in bytes. */
  static final int MAX_KEY_BYTES = 4096;

  /** The longest value in bytes: a BundleEntryProto of 254 dimensions has about 3000. */
  static final int MAX_VALUE_BYTES = 8192;

  private IndexTable() {}
}
