package org.llmadapters.graph.device;

import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A folder in which XLA keeps what it compiled, and on a GPU also which algorithms it measured to
 * be fastest, for later processes that compile the same:
 *
 * <pre>
 *   xla/1f2e.../    programs, one file each
 *   autotune/       algorithms, one file for each operation
 * </pre>
 *
 * <p>TensorFlow finds a program by what it computes alone. What else it depends on, TensorFlow
 * itself, the processor and XLA's flags, is in the name of its folder.
 */
public final class CompileCache {
  private static final Path GPUS = Path.of("/proc/driver/nvidia/gpus");
  private static final Path CPU = Path.of("/proc/cpuinfo");

  private CompileCache() {}

  /**
   * Has XLA use {@code directory}, which is made if it does not exist. To be called before XLA
   * compiles for the first time in a process, and after all other flags are set.
   *
   * @param tf32 whether {@link TensorFloat32} is allowed
   * @throws IllegalArgumentException if its name has a quote in it
   * @throws IOException if it cannot be made
   */
  public static void use(Path directory, Device device, boolean tf32) throws IOException {
    if (directory.toAbsolutePath().toString().matches(".*['\"].*")) {
      throw new IllegalArgumentException(
          directory + ": the folder of a compile cache cannot have quotes in its name");
    }
    TensorFlowRuntime.load();
    String folder =
        folder(
            TensorFlowRuntime.version(),
            device.isGpu() ? gpus(GPUS) : cpu(CPU),
            XlaFlags.all(),
            Boolean.toString(tf32));
    Path programs = Files.createDirectories(directory.resolve("xla").resolve(folder));
    Path algorithms = Files.createDirectories(directory.resolve("autotune"));
    XlaFlags.set(XlaFlags.of("--tf_xla_persistent_cache_directory", programs));
    XlaFlags.set(XlaFlags.of("--xla_gpu_per_fusion_autotune_cache_dir", algorithms));
  }

  static String folder(String... identity) {
    return Hashing.sha256()
        .hashString(String.join("\n", identity), StandardCharsets.UTF_8)
        .toString()
        .substring(0, 16);
  }

  /** The models of all GPUs, by the driver's {@code gpus/<bus>/information}. */
  static String gpus(Path folder) throws IOException {
    List<String> models = new ArrayList<>();
    if (Files.isDirectory(folder)) {
      try (Stream<Path> buses = Files.list(folder)) {
        for (Path bus : buses.sorted().toList()) {
          first(bus.resolve("information"), "Model:").ifPresent(models::add);
        }
      }
    }
    return String.join("\n", models);
  }

  /** The model of the processor and the instructions that it has. */
  static String cpu(Path file) throws IOException {
    return first(file, "model name").orElse("") + "\n" + first(file, "flags").orElse("");
  }

  private static Optional<String> first(Path file, String beginning) throws IOException {
    if (!Files.isReadable(file)) {
      return Optional.empty();
    }
    try (Stream<String> lines = Files.lines(file, StandardCharsets.ISO_8859_1)) {
      return lines.filter(line -> line.startsWith(beginning)).findFirst();
    }
  }
}
