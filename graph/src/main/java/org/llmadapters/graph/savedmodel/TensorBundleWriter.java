package org.llmadapters.graph.savedmodel;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.tensorflow.proto.BundleEntryProto;
import org.tensorflow.proto.BundleHeaderProto;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.TensorShapeProto;
import org.tensorflow.proto.VersionDef;

/**
 * Writes a TensorBundle, the format of TensorFlow's checkpoints and of a SavedModel's variables,
 * tensor by tensor.
 *
 * <p>TensorFlow writes one with its op {@code SaveV2}, which needs every tensor in memory and, at
 * the 190 MB/s measured, takes longer than the disk does. A checkpoint is larger than memory may
 * be; so this writer streams: it holds no more than a few MiB, whatever the size of a tensor.
 *
 * <pre>
 *   variables.index                  a LevelDB table ({@link IndexTable}) of
 *                                    "": BundleHeaderProto {num_shards, endianness, version}
 *                                    key: BundleEntryProto {dtype, shape, shard_id, offset, size,
 *                                    crc32c}
 *   variables.data-00000-of-00002    the tensors' elements, row-major and little-endian
 *   variables.data-00001-of-00002
 * </pre>
 *
 * A tensor lies in one shard, at an offset that is a multiple of 64 bytes; zeros fill the gaps. Its
 * crc32c is the masked CRC-32C of its bytes. All files are written under temporary names; {@link
 * #finish} moves them, the index last. Not for use by several threads.
 */
public final class TensorBundleWriter implements AutoCloseable {

  /** Shards of 5 GiB: few enough files for any model, small enough to move one by one. */
  public static final long DEFAULT_SHARD_BYTES = 5L << 30;

  private static final int ALIGNMENT = 64;

  /** Bytes given to the operating system at once; it copies an array of this size. */
  private static final int CHUNK_BYTES = 1 << 20;

  private final BundleFiles files;
  private final long maxShardBytes;
  private final TreeMap<ByteString, ByteString> entries =
      new TreeMap<>(ByteString.unsignedLexicographicalComparator());
  private final List<Path> unfinished = new ArrayList<>();
  private FileChannel shard;
  private long shardEnd;
  private boolean finishable = true;

  private TensorBundleWriter(BundleFiles files, long maxShardBytes) throws IOException {
    this.files = files;
    this.maxShardBytes = maxShardBytes;
    this.shard = openShard();
  }

  /** Streams the elements of one tensor. */
  @FunctionalInterface
  public interface Source {
    /**
     * Writes exactly the tensor's bytes, row-major and little-endian. Each call of {@code
     * channel.write} is a write to the file: pass on some hundred KiB at a time.
     */
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /**
   * A writer of a new bundle.
   *
   * @param prefix of the files, e.g. {@code model/variables/variables}; its directory is created
   * @param maxShardBytes size of a data file in bytes; only one that holds a single tensor may be
   *     larger
   * @throws FileAlreadyExistsException if there is such a bundle
   */
  public static TensorBundleWriter create(Path prefix, long maxShardBytes) throws IOException {
    if (maxShardBytes < 1) {
      throw new IllegalArgumentException("maxShardBytes must be >= 1, got " + maxShardBytes);
    }
    BundleFiles files = new BundleFiles(prefix.toAbsolutePath());
    if (Files.exists(files.index())) {
      throw new FileAlreadyExistsException(files.index().toString());
    }
    Path directory = files.prefix().getParent();
    if (directory == null) {
      throw new IllegalArgumentException("prefix must end in a file name, got " + prefix);
    }
    Files.createDirectories(directory);
    return new TensorBundleWriter(files, maxShardBytes);
  }

  /**
   * Appends a tensor. After an exception the bundle cannot be finished.
   *
   * @param key its name, at most 4096 bytes in UTF-8
   * @param dtype of its elements, one of a fixed size
   * @param shape empty for a scalar
   * @throws IllegalArgumentException if the key, the dtype or the shape cannot be stored
   * @throws IllegalStateException if the source writes more or fewer bytes than the tensor has
   */
  public void add(String key, DataType dtype, List<Long> shape, Source source) throws IOException {
    requireFinishable();
    ByteString keyBytes = ByteString.copyFromUtf8(key);
    long size = requireStorable(key, keyBytes, dtype, shape);
    finishable = false;
    long offset = size == 0 ? shardEnd : align(shardEnd);
    if (size > 0 && shardEnd > 0 && size > maxShardBytes - offset) {
      shard.close();
      shard = openShard();
      offset = 0;
    }
    shard.position(offset);
    String described = "tensor '%s', %s %s".formatted(key, dtype, shape);
    TensorChannel channel = new TensorChannel(described, shard, size);
    source.writeTo(channel);
    channel.requireComplete();
    shardEnd = offset + size;

    TensorShapeProto.Builder shapeProto = TensorShapeProto.newBuilder();
    shape.forEach(dimension -> shapeProto.addDimBuilder().setSize(dimension));
    entries.put(
        keyBytes,
        BundleEntryProto.newBuilder()
            .setDtype(dtype)
            .setShape(shapeProto)
            .setShardId(unfinished.size() - 1)
            .setOffset(offset)
            .setSize(size)
            .setCrc32C(channel.maskedCrc())
            .build()
            .toByteString());
    finishable = true;
  }

  /**
   * Writes the index and moves all files to their places.
   *
   * @throws IllegalStateException if a tensor failed, or if the bundle is finished or closed
   */
  public void finish() throws IOException {
    requireFinishable();
    finishable = false;
    shard.close();
    int shards = unfinished.size();
    BundleHeaderProto header =
        BundleHeaderProto.newBuilder()
            .setNumShards(shards)
            .setEndianness(BundleHeaderProto.Endianness.LITTLE)
            .setVersion(VersionDef.newBuilder().setProducer(1))
            .build();
    entries.put(ByteString.EMPTY, header.toByteString());
    Path index = files.unfinishedIndex();
    unfinished.add(index);
    Files.write(index, IndexTableWriter.write(entries).toByteArray());
    for (int i = 0; i < shards; i++) {
      Files.move(unfinished.get(i), files.shard(i, shards), StandardCopyOption.REPLACE_EXISTING);
    }
    Files.move(index, files.index(), StandardCopyOption.ATOMIC_MOVE);
  }

  /** Closes the files; deletes all that was written, unless the bundle is finished. */
  @Override
  public void close() throws IOException {
    finishable = false;
    shard.close();
    for (Path file : unfinished) {
      Files.deleteIfExists(file);
    }
  }

  private void requireFinishable() {
    if (!finishable) {
      throw new IllegalStateException(
          files.prefix() + ": the bundle is finished or closed, or one of its tensors failed");
    }
  }

  private long requireStorable(String key, ByteString keyBytes, DataType dtype, List<Long> shape) {
    if (keyBytes.isEmpty() || keyBytes.size() > IndexTable.MAX_KEY_BYTES) {
      throw new IllegalArgumentException(
          "a key has 1 to %d bytes, got %d in '%s'"
              .formatted(IndexTable.MAX_KEY_BYTES, keyBytes.size(), key));
    }
    if (entries.containsKey(keyBytes)) {
      throw new IllegalArgumentException("key '" + key + "' was added before");
    }
    if (!ElementSize.isFixed(dtype)) {
      throw new IllegalArgumentException(
          "tensor '%s': elements of %s have no fixed size".formatted(key, dtype));
    }
    OptionalLong size = ElementSize.bytes(dtype, shape);
    if (size.isEmpty() || shape.size() > TensorBundle.MAX_RANK) {
      throw new IllegalArgumentException("tensor '%s': invalid shape %s".formatted(key, shape));
    }
    return size.getAsLong();
  }

  private FileChannel openShard() throws IOException {
    if (unfinished.size() == BundleFiles.MAX_SHARDS) {
      throw new IllegalArgumentException(
          "maxShardBytes=%d makes more than %d shards"
              .formatted(maxShardBytes, BundleFiles.MAX_SHARDS));
    }
    Path file = files.unfinishedShard(unfinished.size());
    unfinished.add(file);
    shardEnd = 0;
    return FileChannel.open(
        file,
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.WRITE);
  }

  private static long align(long offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** Passes a tensor's bytes on to the shard, counts them and computes their CRC. */
  private static final class TensorChannel implements WritableByteChannel {
    private final String tensor;
    private final FileChannel shard;
    private final long size;
    private final CRC32C crc = new CRC32C();
    private long written;

    TensorChannel(String tensor, FileChannel shard, long size) {
      this.tensor = tensor;
      this.shard = shard;
      this.size = size;
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      int count = source.remaining();
      if (count > size - written) {
        throw new IllegalStateException(
            "%s: its source wrote at least %d bytes, expected %d"
                .formatted(tensor, written + count, size));
      }
      while (source.hasRemaining()) {
        int length = Math.min(source.remaining(), CHUNK_BYTES);
        ByteBuffer chunk = source.slice(source.position(), length);
        crc.update(chunk.duplicate());
        while (chunk.hasRemaining()) {
          shard.write(chunk);
        }
        source.position(source.position() + length);
      }
      written += count;
      return count;
    }

    void requireComplete() {
      if (written != size) {
        throw new IllegalStateException(
            "%s: its source wrote %d bytes, expected %d".formatted(tensor, written, size));
      }
    }

    int maskedCrc() {
      return MaskedCrc32c.mask(crc);
    }

    @Override
    public boolean isOpen() {
      return shard.isOpen();
    }

    /** Does nothing: the shard outlives its tensors. */
    @Override
    public void close() {}
  }
}
