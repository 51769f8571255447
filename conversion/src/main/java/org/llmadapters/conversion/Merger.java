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
import java.util.OptionalDouble;
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
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
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
   * @param weights number of changed tensors
   * @param tensors number of tensors in the new checkpoint
   * @param bytes size of the tensors
   * @param difference of the logits before and after, relative to the largest, if it was checked
   */
  public record Report(int weights, int tensors, long bytes, OptionalDouble difference) {}

  /**
   * Writes the checkpoint with the adapter merged, which appears only when it is whole and passed
   * its check. The weights are written as safetensors, whatever they came in.
   *
   * @throws FormatException if the checkpoint is not what its config says, or the adapter does not
   *     fit it, all problems at once; or if the merged model computes something else
   * @throws IllegalArgumentException if the adapter cannot be merged, or the output is not empty
   *     and not to be overwritten
   */
  public static Report merge(MergeConfig job) throws IOException {
    DirectoryKind.CHECKPOINT.require(job.checkpoint());
    DirectoryKind.ADAPTER.require(job.adapter());
    HfConfig config = HfConfig.read(job.checkpoint());
    BaseGraph base = Architecture.build(config.model(), config.storedDtype());
    try (HfCheckpoint weights = HfCheckpoint.open(job.checkpoint());
        FittedAdapter fitted = FittedAdapter.open(job.adapter(), base, config.model())) {
      weights.check(base.weights(), Converter.droppable(config.model()));
      Map<String, MergedWeight> merged = new HashMap<>();
      fitted
          .mergedWeights(base)
          .forEach(
              (name, weight) -> weights.find(name).ifPresent(t -> merged.put(t.name(), weight)));
      Merger merger = new Merger(weights, fitted, merged, job.dtype());
      try (OutputDirectory directory =
          OutputDirectory.create(job.output(), job.overwrite(), job.checkpoint(), job.adapter())) {
        Report report = merger.writeWeights(directory.path(), job.maxShardBytes());
        ModelAssets.copy(job.checkpoint(), directory.path());
        if (job.dtype().isPresent() && job.dtype().get() != config.storedDtype()) {
          writeConfig(config.raw(), job.dtype().get(), directory.path().resolve(HfConfig.FILE));
        }
        if (job.check()) {
          report = merger.check(report, job, config, directory.path());
        }
        directory.commit();
        return report;
      }
    }
  }

  /** Both are computed in float32 where one of them is stored so, else in the dtype as stored. */
  private Report check(Report report, MergeConfig job, HfConfig before, Path written)
      throws IOException {
    HfConfig after = HfConfig.read(written);
    boolean wide =
        before.storedDtype() == WeightDtype.FLOAT32 || after.storedDtype() == WeightDtype.FLOAT32;
    BaseGraph base =
        Architecture.build(before.model(), wide ? WeightDtype.FLOAT32 : before.storedDtype());
    MergeCheck check = new MergeCheck(before.model().sizes().vocabSize());
    try (HfCheckpoint merged = HfCheckpoint.open(written);
        FittedAdapter fitted = FittedAdapter.open(job.adapter(), base, before.model())) {
      List<Weight> variables = new ArrayList<>(base.weights());
      variables.addAll(fitted.adapted().variables());
      float[][][] unmerged =
          check.logits(
              fitted.adapted().graphDef(),
              variables,
              session -> {
                load(session, base.weights(), checkpoint);
                fitted.load(session);
              });
      float[][][] logits =
          check.logits(
              base.graphDef(), base.weights(), session -> load(session, base.weights(), merged));
      double difference = MergeCheck.compare(job.output(), logits, unmerged, after.storedDtype());
      return new Report(
          report.weights(), report.tensors(), report.bytes(), OptionalDouble.of(difference));
    }
  }

  private static void load(ModelSession session, List<Weight> weights, HfCheckpoint checkpoint)
      throws IOException {
    session.assign(
        weights,
        weight ->
            checkpoint.file().readFloats(checkpoint.find(weight.name()).orElseThrow().name()));
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
    return new Report(merged.size(), entries.size(), total, OptionalDouble.empty());
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
