package org.llmadapters.graph.savedmodel;

import java.nio.file.Path;
import java.util.Locale;

/**
 * The names of a TensorBundle's files.
 *
 * @param prefix their common beginning, e.g. {@code model/variables/variables}
 */
record BundleFiles(Path prefix) {

  /** The most shards that the five digits of their names can count. */
  static final int MAX_SHARDS = 99_999;

  /** {@code variables.index}. */
  Path index() {
    return withSuffix(".index");
  }

  /** {@code variables.data-00001-of-00003} for the second of three. */
  Path shard(int shard, int shards) {
    return withSuffix(String.format(Locale.ROOT, ".data-%05d-of-%05d", shard, shards));
  }

  /** Where a shard is written while the number of shards is not known. */
  Path unfinishedShard(int shard) {
    return withSuffix(String.format(Locale.ROOT, ".data-%05d.tmp", shard));
  }

  /** Where the index is written before it is moved to its place. */
  Path unfinishedIndex() {
    return withSuffix(".index.tmp");
  }

  private Path withSuffix(String suffix) {
    return prefix.getFileSystem().getPath(prefix + suffix);
  }
}
