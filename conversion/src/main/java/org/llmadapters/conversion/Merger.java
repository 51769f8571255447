package org.llmadapters.conversion;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.adapters.MergedWeight;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.hf.HfCheckpoint;
import org.llmadapters.conversion.hf.HfCheckpointWriter;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.peft.FittedAdapter;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.conversion.tensors.TensorFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.WeightDtype;

/**
 * Merges an adapter into a Hugging Face checkpoint: a checkpoint comes out, with the same tensors
 * and configuration files, that needs no adapter. Weights are streamed row by row; each changed one
 * is widened to float32, added to and rounded once. Tables of integers or booleans that older
 * versions of transformers saved beside the weights are left out: newer ones compute them.
 */
public final class Merger {
  private final HfCheckpoint checkpoint;
  private final FittedAdapter adapter;
  private final Map<String, MergedWeight> merged;
  private final Optional<WeightDtype> dtype;

  private Merger(
      HfCheckpoint checkpoint,
      FittedAdapter adapter,
      Map<String, MergedWeight> merged,
      Optional<WeightDtype> dtype) {
    this.checkpoint = checkpoint;
    this.adapter = adapter;
    this.merged = merged;
    this.dtype = dtype;
  }

  /**
   * What was merged.
   *
   * @param weights number of changed weights
   * @param tensors number of tensors in the new checkpoint
   * @param bytes size of the tensors
   */
  public record Report(int weights, int tensors, long bytes) {}

  /**
   * Merges in files of {@value HfCheckpointWriter#DEFAULT_SHARD_BYTES} bytes at most; else as
   * {@link #merge(Path, Path, Path, Optional, boolean, long)}.
   */
  public static Report merge(
      Path checkpoint, Path adapter, Path output, Optional<WeightDtype> dtype, boolean overwrite)
      throws IOException {
    return merge(
        checkpoint, adapter, output, dtype, overwrite, HfCheckpointWriter.DEFAULT_SHARD_BYTES);
  }

  /**
   * Writes {@code checkpoint} with {@code adapter} merged to {@code output}, which appears only
   * when it is whole. The weights are written as safetensors, whatever they came in.
   *
   * @param dtype to write the weights in; each keeps its own if empty
   * @param overwrite whether a non-empty {@code output} is replaced
   * @param maxShardBytes the most bytes of tensors in a file, where that can be
   * @throws FormatException if the checkpoint is not what its config says, or the adapter does not
   *     fit it; all problems at once
   * @throws IllegalArgumentException if the adapter cannot be merged, or {@code output} is not
   *     empty and not to be overwritten
   */
  public static Report merge(
      Path checkpoint,
      Path adapter,
      Path output,
      Optional<WeightDtype> dtype,
      boolean overwrite,
      long maxShardBytes)
      throws IOException {
    DirectoryKind.CHECKPOINT.require(checkpoint);
    DirectoryKind.ADAPTER.require(adapter);
    HfConfig config = HfConfig.read(checkpoint);
    BaseGraph base = Architecture.build(config.model(), config.storedDtype());
    try (HfCheckpoint weights = HfCheckpoint.open(checkpoint);
        FittedAdapter fitted = FittedAdapter.open(adapter, base, config.model())) {
      weights.check(base.weights(), Converter.droppable(config.model()));
      Map<String, MergedWeight> merged = new HashMap<>();
      fitted
          .mergedWeights(base)
          .forEach(
              (name, weight) -> weights.find(name).ifPresent(t -> merged.put(t.name(), weight)));
      Merger merger = new Merger(weights, fitted, merged, dtype);
      try (OutputDirectory directory =
          OutputDirectory.create(output, overwrite, checkpoint, adapter)) {
        Report report = merger.writeWeights(directory.path(), maxShardBytes);
        ModelAssets.copy(checkpoint, directory.path());
        if (dtype.isPresent() && dtype.get() != config.storedDtype()) {
          writeConfig(config.raw(), dtype.get(), directory.path().resolve(HfConfig.FILE));
        }
        directory.commit();
        return report;
      }
    }
  }

  /** The configuration as it was, but for the dtype. */
  private static void writeConfig(ObjectNode raw, WeightDtype dtype, Path file) throws IOException {
    ObjectNode config = raw.deepCopy();
    for (String key : List.of("torch_dtype", "dtype")) {
      if (config.has(key)) {
        config.put(key, dtype.hfName());
      }
    }
    if (!config.has("torch_dtype") && !config.has("dtype")) {
      config.put("torch_dtype", dtype.hfName());
    }
    Files.delete(file);
    Json.write(file, config);
  }

  private Report writeWeights(Path directory, long maxShardBytes) throws IOException {
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    for (TensorInfo tensor : checkpoint.tensors().values()) {
      if (tensor.isFloat()) {
        entries.add(
            new SafetensorsWriter.Entry(tensor.name(), targetDtype(tensor), tensor.shape()));
      }
    }
    long total = entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).sum();
    Map<String, String> metadata = new HashMap<>(SafetensorsWriter.METADATA);
    metadata.putAll(checkpoint.file().metadata());
    try (Progress progress = Progress.start("merging", total, "bytes")) {
      HfCheckpointWriter.write(
          directory,
          entries,
          metadata,
          maxShardBytes,
          (writer, entry) ->
              writer.write(
                  entry.name(), out -> writeTensor(entry, new CountingChannel(out, progress))));
    }
    return new Report(merged.size(), entries.size(), total);
  }

  private WeightDtype targetDtype(TensorInfo tensor) {
    return dtype
        .or(() -> storable(tensor.dtype()))
        .orElseThrow(
            () ->
                new FormatException(
                    checkpoint.file().path(),
                    "%s: dtype %s, expected F32, BF16 or F16; convert it with --dtype",
                    tensor.name(),
                    tensor.dtype()));
  }

  private static Optional<WeightDtype> storable(String safetensorsName) {
    return Arrays.stream(WeightDtype.values())
        .filter(known -> known.safetensorsName().equals(safetensorsName))
        .findFirst();
  }

  private void writeTensor(SafetensorsWriter.Entry entry, CountingChannel out) throws IOException {
    TensorFile file = checkpoint.file();
    TensorInfo tensor = checkpoint.tensors().get(entry.name());
    if (tensor == null) {
      throw new IllegalStateException(entry.name() + " was listed but is missing");
    }
    MergedWeight weight = merged.get(entry.name());
    if (weight == null) {
      file.copyTo(tensor, entry.dtype(), out);
      return;
    }
    try (DeltaChannel added =
        new DeltaChannel(
            adapter.change(weight), weight.columns(), WeightDtype.FLOAT32, entry.dtype(), out)) {
      file.copyTo(tensor, WeightDtype.FLOAT32, added);
      added.flush();
    }
  }
}
