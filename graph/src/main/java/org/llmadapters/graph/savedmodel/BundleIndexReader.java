package org.llmadapters.graph.savedmodel;

import com.google.errorprone.annotations.FormatMethod;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.savedmodel.TensorBundle.Entry;
import org.tensorflow.proto.BundleEntryProto;
import org.tensorflow.proto.BundleHeaderProto;
import org.tensorflow.proto.TensorShapeProto;

/** Turns the index file of a TensorBundle into checked entries. */
final class BundleIndexReader {

  /** The version of the format, as TensorFlow counts it. */
  private static final int VERSION = 1;

  private static final int MAX_PROBLEMS_SHOWN = 10;

  private final BundleFiles files;
  private final Map<ByteString, ByteString> table;
  private final int shards;
  private final Map<Path, Long> shardBytes = new HashMap<>();
  private final List<String> problems = new ArrayList<>();

  /**
   * Reads the header.
   *
   * @throws FormatException if the index is missing or corrupt, or if its version is not ours
   */
  BundleIndexReader(BundleFiles files) throws IOException {
    this.files = files;
    this.table = IndexTableReader.read(files.index());
    this.shards = readShards();
  }

  /** Number of data files. */
  int shards() {
    return shards;
  }

  private int readShards() {
    Path file = files.index();
    ByteString value = table.get(ByteString.EMPTY);
    if (value == null) {
      throw new FormatException(file, "the header of a TensorBundle, its entry '', is missing");
    }
    BundleHeaderProto header;
    try {
      header = BundleHeaderProto.parseFrom(value);
    } catch (InvalidProtocolBufferException e) {
      throw new FormatException(file, "its entry '' is not a BundleHeaderProto", e);
    }
    if (header.getEndianness() != BundleHeaderProto.Endianness.LITTLE) {
      throw new FormatException(
          file, "its tensors are %s-endian, expected LITTLE", header.getEndianness());
    }
    if (header.getVersion().getMinConsumer() > VERSION) {
      throw new FormatException(
          file,
          "needs a reader of version %d, this one is of version %d",
          header.getVersion().getMinConsumer(),
          VERSION);
    }
    if (header.getNumShards() < 1 || header.getNumShards() > BundleFiles.MAX_SHARDS) {
      throw new FormatException(
          file, "got %d shards, expected 1 to %d", header.getNumShards(), BundleFiles.MAX_SHARDS);
    }
    return header.getNumShards();
  }

  /**
   * The entries in the order of their keys' bytes.
   *
   * @throws FormatException listing those that are corrupt or do not fit the data files
   */
  Map<String, Entry> entries() throws IOException {
    Map<String, Entry> entries = new LinkedHashMap<>();
    for (Map.Entry<ByteString, ByteString> pair : table.entrySet()) {
      if (!pair.getKey().isEmpty()) {
        readEntry(pair.getKey(), pair.getValue())
            .ifPresent(entry -> entries.put(entry.key(), entry));
      }
    }
    if (!problems.isEmpty()) {
      List<String> shown = problems.subList(0, Math.min(problems.size(), MAX_PROBLEMS_SHOWN));
      throw new FormatException(
          files.index(),
          "%d of %d tensors cannot be read; get the model's variables/ again\n  %s%s",
          problems.size(),
          table.size() - 1,
          String.join("\n  ", shown),
          shown.size() < problems.size() ? "\n  ..." : "");
    }
    return Collections.unmodifiableMap(entries);
  }

  private Optional<Entry> readEntry(ByteString keyBytes, ByteString value) throws IOException {
    String key = keyBytes.toStringUtf8();
    if (!keyBytes.isValidUtf8()) {
      return problem("%s: its key is not UTF-8", key);
    }
    BundleEntryProto proto;
    try {
      proto = BundleEntryProto.parseFrom(value);
    } catch (InvalidProtocolBufferException e) {
      return problem("%s: not a BundleEntryProto", key);
    }
    if (proto.getSlicesCount() > 0) {
      return problem("%s: partitioned in %d slices, expected whole", key, proto.getSlicesCount());
    }
    if (!ElementSize.isFixed(proto.getDtype())) {
      return problem("%s: got %s, expected elements of a fixed size", key, proto.getDtype().name());
    }
    List<Long> shape =
        proto.getShape().getDimList().stream().map(TensorShapeProto.Dim::getSize).toList();
    OptionalLong bytes = ElementSize.bytes(proto.getDtype(), shape);
    if (proto.getShape().getUnknownRank()
        || bytes.isEmpty()
        || shape.size() > TensorBundle.MAX_RANK) {
      return problem("%s: invalid shape %s", key, shape);
    }
    if (proto.getSize() != bytes.getAsLong()) {
      return problem(
          "%s: got %d bytes, expected %d for %s %s",
          key, proto.getSize(), bytes.getAsLong(), proto.getDtype(), shape);
    }
    int shard = proto.getShardId();
    if (shard < 0 || shard >= shards) {
      return problem("%s: got shard %d, expected 0 to %d", key, shard, shards - 1);
    }
    Path file = files.shard(shard, shards);
    Long room = shardBytes.get(file);
    if (room == null) {
      room = Files.isRegularFile(file) ? Files.size(file) : -1;
      shardBytes.put(file, room);
    }
    if (room < 0) {
      return problem("%s: its data file %s is missing", key, file.getFileName());
    }
    if (proto.getOffset() < 0
        || proto.getOffset() > room
        || proto.getSize() > room - proto.getOffset()) {
      return problem(
          "%s: %d bytes at %d do not lie within the %d bytes of %s",
          key, proto.getSize(), proto.getOffset(), room, file.getFileName());
    }
    return Optional.of(
        new Entry(
            key,
            proto.getDtype(),
            shape,
            shard,
            proto.getOffset(),
            proto.getSize(),
            proto.getCrc32C()));
  }

  @FormatMethod
  private Optional<Entry> problem(String format, Object... args) {
    problems.add(String.format(format, args));
    return Optional.empty();
  }
}
