package org.llmadapters.conversion;

import java.nio.file.Path;
import java.util.Optional;
import org.llmadapters.conversion.hf.HfCheckpointWriter;
import org.llmadapters.graph.config.WeightDtype;

/**
 * What to merge.
 *
 * @param checkpoint directory of a Hugging Face checkpoint
 * @param adapter directory of an adapter for it
 * @param output directory of the new checkpoint
 * @param dtype to write the weights in; each keeps its own if empty
 * @param maxShardBytes the most bytes of tensors in a file, where that can be
 * @param check whether the logits before and after are compared, for which the model is loaded
 *     twice, one after the other
 * @param overwrite whether a non-empty {@code output} is replaced
 */
public record MergeConfig(
    Path checkpoint,
    Path adapter,
    Path output,
    Optional<WeightDtype> dtype,
    long maxShardBytes,
    boolean check,
    boolean overwrite) {

  /** In files of the usual size, without a check. */
  public MergeConfig(Path checkpoint, Path adapter, Path output) {
    this(
        checkpoint,
        adapter,
        output,
        Optional.empty(),
        HfCheckpointWriter.DEFAULT_SHARD_BYTES,
        false,
        false);
  }

  /** The same, with the weights written in {@code other}. */
  public MergeConfig withDtype(WeightDtype other) {
    return new MergeConfig(
        checkpoint, adapter, output, Optional.of(other), maxShardBytes, check, overwrite);
  }

  /** The same, in files of other sizes. */
  public MergeConfig withMaxShardBytes(long bytes) {
    return new MergeConfig(checkpoint, adapter, output, dtype, bytes, check, overwrite);
  }

  /** The same, with the check. */
  public MergeConfig checked() {
    return new MergeConfig(checkpoint, adapter, output, dtype, maxShardBytes, true, overwrite);
  }
}
