package org.llmadapters.graph.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

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
  private static final Pattern UNUSABLE = Pattern.compile("[\\s'\"]");

  private CompileCache() {}

  /** Whether XLA's flags can name {@code directory}: they are separated by spaces. */
  public static boolean canBe(Path directory) {
    return !UNUSABLE.matcher(directory.toAbsolutePath().toString()).find();
  }

  /**
   * Has XLA use {@code directory}, which is made if it does not exist. To be called before XLA
   * compiles for the first time in a process.
   *
   * @throws IllegalArgumentException if its name has white space or quotes
   * @throws IOException if it cannot be made
   */
  public static void use(Path directory) throws IOException {
    if (!canBe(directory)) {
      throw new IllegalArgumentException(
          directory + ": the folder of a compile cache cannot have spaces or quotes in its name");
    }
    XlaFlags.set("--tf_xla_persistent_cache_directory=" + made(directory.resolve("xla")));
    XlaFlags.set("--xla_gpu_per_fusion_autotune_cache_dir=" + made(directory.resolve("autotune")));
  }

  private static Path made(Path directory) throws IOException {
    return Files.createDirectories(directory).toAbsolutePath();
  }
}
