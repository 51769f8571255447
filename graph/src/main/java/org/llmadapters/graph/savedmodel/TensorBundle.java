package org.llmadapters.graph.savedmodel;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.llmadapters.graph.FormatException;
import org.tensorflow.proto.DataType;

/**
 * Reads a TensorBundle, written by {@link TensorBundleWriter} (which describes the files) or by
 * TensorFlow's {@code SaveV2}. Strings, partitioned tensors and big-endian files are refused.
 *
 * <p>Holds the index in memory and no open file; may be used by several threads.
 */
public final class TensorBundle {

  /** The most dimensions that a tensor has in TensorFlow. */
  static final int MAX_RANK = 254;

  /** The largest tensor that {@link #read} allocates: 64 MiB. */
  static final int MAX_READ_BYTES = 64 << 20;

  private static final int CHUNK_BYTES = 1 << 20;

  private final BundleFiles files;
  private final int shards;
  private final Map<String, Entry> entries;

  private TensorBundle(BundleFiles files, int shards, Map<String, Entry> entries) {
    this.files = files;
    this.shards = shards;
    this.entries = entries;
  }

  /**
   * One tensor of a bundle.
   *
   * @param key its name
   * @param dtype of its elements
   * @param shape empty for a scalar
   * @param shard the data file that it lies in, from 0
   * @param offset of its first byte in that file
   * @param bytes its size
   * @param crc the masked CRC-32C of its bytes
   */
  public record Entry(
      String key, DataType dtype, List<Long> shape, int shard, long offset, long bytes, int crc) {

    public Entry {
      shape = List.copyOf(shape);
    }
  }

  /**
   * Reads the index and checks that every tensor lies within its data file. The tensors themselves
   * are not read.
   *
   * @param prefix of the files, e.g. {@code model/variables/variables}
   * @throws FormatException if a file is missing, or if the index is corrupt or does not fit the
   *     data files; all tensors at fault are counted
   */
  public static TensorBundle open(Path prefix) throws IOException {
    BundleFiles files = new BundleFiles(prefix);
    BundleIndexReader index = new BundleIndexReader(files);
    return new TensorBundle(files, index.shards(), index.entries());
  }

  /** The tensors by key, in the order of the keys' bytes. */
  public Map<String, Entry> entries() {
    return entries;
  }

  /**
   * The tensor named {@code key}.
   *
   * @throws FormatException if there is none
   */
  public Entry entry(String key) {
    Entry entry = entries.get(key);
    if (entry == null) {
      throw new FormatException(
          files.index(), "no tensor '%s' among its %d tensors", key, entries.size());
    }
    return entry;
  }

  /**
   * Writes a tensor's bytes, row-major and little-endian, to {@code channel}, a MiB at a time.
   *
   * @param entry one of {@link #entries}
   * @throws FormatException after the last byte if their CRC is not the entry's, or if the data
   *     file was cut after {@link #open}
   */
  public void copyTo(Entry entry, WritableByteChannel channel) throws IOException {
    stream(
        entry,
        chunk -> {
          while (chunk.hasRemaining()) {
            channel.write(chunk);
          }
        });
  }

  /**
   * A tensor's bytes, row-major, in a little-endian buffer.
   *
   * @param entry one of {@link #entries}, of at most 64 MiB
   * @throws FormatException as in {@link #copyTo}
   */
  public ByteBuffer read(Entry entry) throws IOException {
    if (entry.bytes > MAX_READ_BYTES) {
      throw new IllegalArgumentException(
          "tensor '%s' has %d bytes, more than %d; use copyTo"
              .formatted(entry.key, entry.bytes, MAX_READ_BYTES));
    }
    ByteBuffer bytes = ByteBuffer.allocate((int) entry.bytes).order(ByteOrder.LITTLE_ENDIAN);
    stream(entry, bytes::put);
    return bytes.flip();
  }

  /**
   * Reads a tensor to check its CRC.
   *
   * @param entry one of {@link #entries}
   * @throws FormatException as in {@link #copyTo}
   */
  public void verify(Entry entry) throws IOException {
    stream(entry, chunk -> {});
  }

  private interface Sink {
    void accept(ByteBuffer chunk) throws IOException;
  }

  private void stream(Entry entry, Sink sink) throws IOException {
    if (!entry.equals(entries.get(entry.key))) {
      throw new IllegalArgumentException("not an entry of " + files.index() + ": " + entry);
    }
    Path file = files.shard(entry.shard, shards);
    CRC32C crc = new CRC32C();
    try (FileChannel channel = FileChannel.open(file)) {
      ByteBuffer chunk = ByteBuffer.allocateDirect((int) Math.min(CHUNK_BYTES, entry.bytes));
      long read = 0;
      while (read < entry.bytes) {
        chunk.clear().limit((int) Math.min(chunk.capacity(), entry.bytes - read));
        int count = channel.read(chunk, entry.offset + read);
        if (count < 0) {
          throw new FormatException(
              file,
              "ends within tensor '%s'; got %d bytes, expected %d",
              entry.key,
              read,
              entry.bytes);
        }
        read += count;
        chunk.flip();
        crc.update(chunk.duplicate());
        sink.accept(chunk);
      }
    } catch (NoSuchFileException e) {
      throw new FormatException(file, "was deleted after its index was read", e);
    }
    int computed = MaskedCrc32c.mask(crc);
    if (computed != entry.crc) {
      throw new FormatException(
          file,
          "tensor '%s' is corrupt: its crc is %08x, expected %08x; get the file again",
          entry.key,
          computed,
          entry.crc);
    }
  }
}
