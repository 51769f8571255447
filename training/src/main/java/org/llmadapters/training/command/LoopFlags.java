package org.llmadapters.training.command;

import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.llmadapters.training.TrainingOptions;
import org.llmadapters.training.data.Arrangement;
import org.llmadapters.training.data.Buckets;
import picocli.CommandLine.Option;

/** Batches, steps and order, named as in LLM-Adapters. */
final class LoopFlags {
  @Option(
      names = "--batch-size",
      defaultValue = "16",
      description =
          "Rows per update, of one example each unless packed (default ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--micro-batch-size",
      defaultValue = "4",
      description = "Rows per call; the rest is gradient accumulation (default ${DEFAULT-VALUE}).")
  private int microBatchSize;

  @Option(
      names = "--num-epochs",
      defaultValue = "3",
      description = "Passes over the data (default ${DEFAULT-VALUE}).")
  private int numEpochs;

  @Option(names = "--max-steps", defaultValue = "0", description = "Updates, instead of epochs.")
  private long maxSteps;

  @Option(
      names = "--seed",
      defaultValue = "42",
      description = "Of order, initial values and dropout (default ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--shuffle",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "A new order in every epoch (default), or the file's.")
  private boolean shuffle;

  @Option(
      names = "--deterministic",
      description =
          "Refuse every operation that may give other bits when it is run again; --resume needs as many cores as before.")
  private boolean deterministic;

  @Option(
      names = "--packing",
      description =
          "Put as many examples into each row as fit into --cutoff-len tokens, or the last of --buckets; none sees another.")
  private boolean packing;

  @Option(
      names = "--group-by-length",
      description = "Put examples of similar lengths into a micro batch.")
  private boolean groupByLength;

  @Option(
      names = "--buckets",
      paramLabel = "TOKENS,...",
      description =
          "Lengths that rows are padded to, each compiled once (default: 32,64,96,128,192,256,384 ... --cutoff-len).")
  private @Nullable String buckets;

  /** The options as given. */
  TrainingOptions.Loop toLoop() {
    return new TrainingOptions.Loop(
        batchSize,
        microBatchSize,
        numEpochs,
        maxSteps,
        shuffle,
        seed,
        deterministic,
        new TrainingOptions.Rows(arrangement(), Optional.ofNullable(buckets).map(LoopFlags::of)));
  }

  private Arrangement arrangement() {
    if (packing && groupByLength) {
      throw new IllegalArgumentException(
          "--packing fills all rows alike, so that there is nothing to group; leave out"
              + " --group-by-length");
    }
    return packing
        ? Arrangement.PACKED
        : groupByLength ? Arrangement.BY_LENGTH : Arrangement.IN_ORDER;
  }

  private static Buckets of(String lengths) {
    if (!lengths.matches("\\d{1,9}(,\\d{1,9})*")) {
      throw new IllegalArgumentException(
          "--buckets is \"" + lengths + "\", expected rising lengths in tokens such as 64,128,256");
    }
    return new Buckets(Arrays.stream(lengths.split(",", -1)).map(Integer::valueOf).toList());
  }
}
