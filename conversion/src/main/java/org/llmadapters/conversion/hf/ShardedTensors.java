package org.llmadapters.conversion.hf;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.Problems;
import org.llmadapters.conversion.tensors.TensorFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;

/**
 * The tensors of a checkpoint in several files, with an index that says which is where:
 *
 * <pre>
 *   {"metadata": {"total_size": 95104},
 *    "weight_map": {"lm_head.weight": "model-00002-of-00002.safetensors", ...}}
 * </pre>
 *
 * <p>All files are open at once. Source: github.com/huggingface/transformers v4.33.0, {@code
 * src/transformers/modeling_utils.py}, {@code shard_checkpoint}.
 */
final class ShardedTensors implements TensorFile {
  static final String WEIGHT_MAP = "weight_map";

  private static final int MAX_FILES = 1000;

  private final Path index;
  private final Map<String, TensorFile> shards;
  private final Map<String, String> weightMap;
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, String> metadata = new TreeMap<>();

  private ShardedTensors(Path index, Map<String, String> weightMap) {
    this.index = index;
    this.weightMap = weightMap;
    this.shards = new TreeMap<>();
  }

  /** Opens a file of tensors. */
  @FunctionalInterface
  interface Opener {
    TensorFile open(Path file) throws IOException;
  }

  /**
   * Opens the files that {@code index} names; the caller closes.
   *
   * @throws FormatException if files are missing or outside of the index's folder, or hold other
   *     tensors than the index says; all problems at once
   * @throws IOException if reading fails
   */
  static ShardedTensors open(Path index, Opener opener) throws IOException {
    ShardedTensors sharded = new ShardedTensors(index, readWeightMap(index));
    Map<String, Path> files = sharded.findFiles();
    try {
      for (Map.Entry<String, Path> file : files.entrySet()) {
        sharded.shards.put(file.getKey(), opener.open(file.getValue()));
      }
      sharded.collectTensors();
      return sharded;
    } catch (FormatException | IOException e) {
      sharded.close();
      throw e;
    }
  }

  private static Map<String, String> readWeightMap(Path index) throws IOException {
    JsonNode node = Json.readObject(index).path(WEIGHT_MAP);
    if (!(node instanceof ObjectNode) || node.isEmpty()) {
      throw new FormatException(
          index,
          "%s must be an object that names the file of each tensor, got %s",
          WEIGHT_MAP,
          Json.describe(node));
    }
    Problems problems = new Problems();
    Map<String, String> weightMap = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      if (entry.getValue().isTextual()) {
        weightMap.put(entry.getKey(), entry.getValue().textValue());
      } else {
        problems.add(
            "%s: expected the name of a file, got %s",
            entry.getKey(), Json.describe(entry.getValue()));
      }
    }
    problems.throwIfAny(index, problems.counted("problem") + " in its " + WEIGHT_MAP, "");
    return weightMap;
  }

  private Map<String, Path> findFiles() throws IOException {
    Path folder = index.toAbsolutePath().getParent();
    if (folder == null) {
      throw new IllegalArgumentException(index + ": is not a file");
    }
    Problems problems = new Problems();
    Map<String, Path> files = new TreeMap<>();
    for (String name : new TreeSet<>(weightMap.values())) {
      String problem = problemOf(name, folder);
      if (problem.isEmpty()) {
        files.put(name, index.resolveSibling(name));
      } else {
        problems.add("%s: %s", Json.describe(TextNode.valueOf(name)), problem);
      }
    }
    problems.throwIfAny(
        index,
        problems.counted("file") + " that it names cannot be read",
        "Download the checkpoint again, all of its files to one folder.");
    if (files.size() > MAX_FILES) {
      throw new FormatException(
          index, "names %d files, expected at most %d", files.size(), MAX_FILES);
    }
    return files;
  }

  private static String problemOf(String name, Path folder) throws IOException {
    if (!name.matches("[^/\\\\:\\p{C}]+") || name.equals(".") || name.equals("..")) {
      return "not the plain name of a file in this folder";
    }
    Path file = folder.resolve(name);
    if (!Files.isRegularFile(file)) {
      return Files.exists(file) ? "is not a regular file" : "no such file";
    }
    return isInside(file, folder) ? "" : "is a link to a file outside of this folder";
  }

  /**
   * Hugging Face's cache is the exception among links: a folder {@code snapshots/REVISION} of links
   * to {@code ../../blobs/HASH}.
   */
  private static boolean isInside(Path file, Path folder) throws IOException {
    Path real = file.toRealPath();
    Path realFolder = folder.toRealPath();
    return real.startsWith(realFolder)
        || real.startsWith(realFolder.resolve("../../blobs").normalize());
  }

  private void collectTensors() {
    Problems problems = new Problems();
    shards.forEach(
        (file, shard) -> {
          metadata.putAll(shard.metadata());
          for (TensorInfo tensor : shard.tensors().values()) {
            String said = weightMap.get(tensor.name());
            if (said == null) {
              problems.add("%s: in %s, but not in the index", tensor.name(), file);
            } else if (!said.equals(file)) {
              problems.add("%s: in %s, but the index says %s", tensor.name(), file, said);
            } else {
              tensors.put(tensor.name(), tensor);
            }
          }
        });
    weightMap.forEach(
        (name, file) -> {
          if (!tensors.containsKey(name)) {
            problems.add("%s: not in %s, where the index says it is", name, file);
          }
        });
    problems.throwIfAny(
        index,
        problems.counted("problem") + ": the index and the files that it names do not fit together",
        "Download the checkpoint again, all of its files from one revision.");
  }

  @Override
  public Path path() {
    return index;
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /** The texts of all files together. */
  @Override
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  @Override
  public void read(TensorInfo tensor, long position, ByteBuffer target) throws IOException {
    requireTensor(tensor);
    String file = weightMap.get(tensor.name());
    TensorFile shard = file == null ? null : shards.get(file);
    if (shard == null) {
      throw new IllegalStateException(tensor.name() + " is in no open file");
    }
    shard.read(tensor, position, target);
  }

  @Override
  public void close() throws IOException {
    IOException failed = null;
    for (TensorFile shard : shards.values()) {
      try {
        shard.close();
      } catch (IOException e) {
        failed = e;
      }
    }
    if (failed != null) {
      throw failed;
    }
  }
}
