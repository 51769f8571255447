package org.llmadapters.conversion.hf;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;

/**
 * Writes the weights of a checkpoint: {@code model.safetensors} or, if they are too large for one
 * file, {@code model-00001-of-00002.safetensors} and so on with {@code
 * model.safetensors.index.json}, which {@link HfCheckpoint} and Hugging Face's libraries read.
 */
public final class HfCheckpointWriter {
  /** 5 GB, as in Hugging Face transformers. */
  public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

  private HfCheckpointWriter() {}

  /** Writes one tensor. */
  @FunctionalInterface
  public interface TensorSource {
    /** Hands the values of {@code entry} to {@code writer}, once. */
    void write(SafetensorsWriter writer, SafetensorsWriter.Entry entry) throws IOException;
  }

  /**
   * Writes {@code entries} in their order; each file appears when it is complete, the index last.
   *
   * @param metadata of each file
   * @param maxShardBytes the most bytes of tensors in a file; a tensor that is larger gets a file
   *     of its own
   * @param source asked for each tensor once, in order
   * @throws IllegalArgumentException if two entries have the same name, or {@code maxShardBytes} is
   *     not positive
   * @throws IOException if writing fails
   */
  public static void write(
      Path directory,
      List<SafetensorsWriter.Entry> entries,
      Map<String, String> metadata,
      long maxShardBytes,
      TensorSource source)
      throws IOException {
    List<List<SafetensorsWriter.Entry>> shards = shards(entries, maxShardBytes);
    ObjectNode index = index(shards);
    for (int i = 0; i < shards.size(); i++) {
      Path file = directory.resolve(name(i, shards.size()));
      try (SafetensorsWriter writer = SafetensorsWriter.create(file, shards.get(i), metadata)) {
        for (SafetensorsWriter.Entry entry : shards.get(i)) {
          source.write(writer, entry);
        }
        writer.commit();
      }
    }
    if (shards.size() > 1) {
      Json.write(directory.resolve(HfCheckpoint.SAFETENSORS_INDEX), index);
    }
  }

  private static ObjectNode index(List<List<SafetensorsWriter.Entry>> shards) {
    ObjectNode index = Json.object();
    ObjectNode metadata = index.putObject("metadata");
    ObjectNode weightMap = index.putObject(ShardedTensors.WEIGHT_MAP);
    long bytes = 0;
    for (int i = 0; i < shards.size(); i++) {
      for (SafetensorsWriter.Entry entry : shards.get(i)) {
        if (weightMap.has(entry.name())) {
          throw new IllegalArgumentException("two tensors are called " + entry.name());
        }
        weightMap.put(entry.name(), name(i, shards.size()));
        bytes += entry.bytes();
      }
    }
    metadata.put("total_size", bytes);
    return index;
  }

  private static String name(int shard, int count) {
    return count == 1
        ? HfCheckpoint.SAFETENSORS
        : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", shard + 1, count);
  }

  private static List<List<SafetensorsWriter.Entry>> shards(
      List<SafetensorsWriter.Entry> entries, long maxShardBytes) {
    if (maxShardBytes < 1) {
      throw new IllegalArgumentException(
          "the size of a file must be at least 1 byte, got " + maxShardBytes);
    }
    List<List<SafetensorsWriter.Entry>> shards = new ArrayList<>();
    List<SafetensorsWriter.Entry> shard = new ArrayList<>();
    long bytes = 0;
    for (SafetensorsWriter.Entry entry : entries) {
      if (!shard.isEmpty() && entry.bytes() > maxShardBytes - bytes) {
        shards.add(shard);
        shard = new ArrayList<>();
        bytes = 0;
      }
      shard.add(entry);
      bytes += entry.bytes();
    }
    shards.add(shard);
    return shards;
  }
}
