package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.CacheDirectory;
import org.llmadapters.graph.device.CompileCache;
import org.llmadapters.graph.device.Device;
import org.llmadapters.graph.device.DeviceChoice;
import org.llmadapters.graph.device.TensorFloat32;
import org.llmadapters.graph.device.XlaFlags;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** The flags of every command that computes with a model: what it computes on. */
public final class DeviceFlags {
  private static final Logger log = LoggerFactory.getLogger(DeviceFlags.class);
  private static final String NO_CACHE = "off";

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "${env:LLM_ADAPTERS_DEVICE:-auto}",
      description =
          "auto (the first GPU if TensorFlow finds one, else the CPU), cpu, gpu or gpu:N (default: LLM_ADAPTERS_DEVICE, else auto).")
  private String device = "auto";

  @Option(
      names = "--device-memory-limit",
      paramLabel = "MIB",
      description = "Memory of the GPU that may be used, in MiB (default: nearly all).")
  private @Nullable Integer memoryLimit;

  @Option(
      names = "--tf32",
      description =
          "Let a GPU round the factors of float32 products to TensorFloat-32: faster, less exact.")
  private boolean tf32;

  @Option(
      names = "--compile-cache",
      paramLabel = "DIR",
      description =
          "Folder that keeps what XLA compiled for later runs, or off (default: ~/.cache/llm-adapters on a GPU, off on the CPU).")
  private @Nullable String compileCache;

  /**
   * What {@code --device} asks for.
   *
   * @throws IllegalArgumentException if it is no device
   */
  public DeviceChoice choice() {
    return DeviceChoice.parse(device);
  }

  /** Prepares TensorFlow for a device whose results need not be the same every time. */
  public SessionOptions session() throws IOException {
    return session(false);
  }

  /**
   * Prepares TensorFlow for the device. To be called once in a process, before anything is
   * computed.
   *
   * @param deterministic whether XLA must make programs that give the same bits every time
   * @throws IllegalArgumentException if the flags ask for a GPU that TensorFlow did not register,
   *     or do not go together
   * @throws IOException if the folder of compiled programs cannot be made
   */
  public SessionOptions session(boolean deterministic) throws IOException {
    OptionalInt limit = memoryLimit == null ? OptionalInt.empty() : OptionalInt.of(memoryLimit);
    SessionOptions options = SessionOptions.of(choice(), limit);
    if (options.device().isGpu()) {
      TensorFloat32.allow(tf32);
      if (deterministic) {
        XlaFlags.set("--xla_gpu_deterministic_ops=true");
      }
      log.info("computing on {}", options.device());
    } else if (tf32) {
      throw new IllegalArgumentException(
          "--tf32 is for GPUs; this process computes on the CPU, where float32 is exact");
    }
    String cache = compileCache;
    if (cache == null) {
      if (options.device().isGpu()) {
        useDefaultCache(options.device());
      }
    } else if (!cache.equals(NO_CACHE)) {
      CompileCache.use(Path.of(cache), options.device(), tf32);
    }
    return options;
  }

  /** Compiling again is only slower, so that a folder that cannot be used is no error. */
  private void useDefaultCache(Device on) {
    try {
      CompileCache.use(CacheDirectory.ofUser(), on, tf32);
    } catch (IOException | IllegalArgumentException e) {
      log.warn("what XLA compiles is not kept: {}", e.toString());
    }
  }
}
