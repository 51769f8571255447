package org.llmadapters.graph.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A folder in which XLA keeps what it compiled, and on a GPU also which algorithms it measured to
 * be fastest, for later processes that compile the same:
 *
 * <pre>
 *   xla/        programs, one file each
 *   autotune/   algorithms, one file for each operation
 * </pre>
 */
public final class CompileCache {
  private CompileCache() {}

  /**
   * Has XLA use {@code directory}, which is made if it does not exist. To be called before XLA
   * compiles for the first time in a process.
   *
   * @throws IllegalArgumentException if its name has a quote in it
   * @throws IOException if it cannot be made
   */
  public static void use(Path directory) throws IOException {
    if (directory.toAbsolutePath().toString().matches(".*['\"].*")) {
      throw new IllegalArgumentException(
          directory + ": the folder of a compile cache cannot have quotes in its name");
    }
    Path programs = Files.createDirectories(directory.resolve("xla"));
    Path algorithms = Files.createDirectories(directory.resolve("autotune"));
    XlaFlags.set(XlaFlags.of("--tf_xla_persistent_cache_directory", programs));
    XlaFlags.set(XlaFlags.of("--xla_gpu_per_fusion_autotune_cache_dir", algorithms));
  }
}
