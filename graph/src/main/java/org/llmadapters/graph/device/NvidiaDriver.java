package org.llmadapters.graph.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The NVIDIA driver of this machine.
 *
 * <p>It is there if its kernel module is loaded and hands out its control device; under WSL2, where
 * the module lives in Windows, if there is Windows' GPU device and the library that talks to it.
 * Both are files, so that nothing is started that could hang. A container on a machine with a GPU
 * sees the module in any case, but the control device only if it was given the GPU.
 *
 * @param version such as {@code 550.54.15}; empty under WSL2 and where the module does not tell
 */
public record NvidiaDriver(Optional<String> version) {
  /** Written by the kernel module. */
  private static final String MODULE = "proc/driver/nvidia/version";

  private static final String CONTROL_DEVICE = "dev/nvidiactl";
  private static final String WSL_DEVICE = "dev/dxg";
  private static final String WSL_LIBRARY = "usr/lib/wsl/lib/libcuda.so.1";

  private static final Pattern VERSION =
      Pattern.compile("NVRM version:.*?\\s(\\d+(?:\\.\\d+)+)(?:\\s|$)");

  /** The driver of this machine, or empty if it has none that works. */
  public static Optional<NvidiaDriver> find() {
    return find(Path.of("/"));
  }

  /** The driver of the machine whose files are under {@code root}. */
  static Optional<NvidiaDriver> find(Path root) {
    Path module = root.resolve(MODULE);
    if (Files.exists(module) && Files.exists(root.resolve(CONTROL_DEVICE))) {
      return Optional.of(new NvidiaDriver(version(module)));
    }
    if (Files.exists(root.resolve(WSL_DEVICE)) && Files.exists(root.resolve(WSL_LIBRARY))) {
      return Optional.of(new NvidiaDriver(Optional.empty()));
    }
    return Optional.empty();
  }

  private static Optional<String> version(Path module) {
    try {
      Matcher matcher = VERSION.matcher(Files.readString(module));
      return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
    } catch (IOException e) { // it is loaded all the same
      return Optional.empty();
    }
  }

  /** What is missing, and what to do, where {@link #find} finds nothing. */
  public static String remedy() {
    return remedy(Path.of("/"));
  }

  static String remedy(Path root) {
    if (Files.exists(root.resolve(MODULE))) {
      return "the NVIDIA kernel module is loaded, but /"
          + CONTROL_DEVICE
          + " is missing: in a container, start it with the GPU (docker run --gpus all);"
          + " elsewhere run nvidia-smi once as root";
    }
    return "no NVIDIA driver (no /"
        + MODULE
        + "): install one of version 525.60.13 or newer for CUDA 12, e.g. with"
        + " 'sudo ubuntu-drivers install' on Ubuntu; nothing else is needed";
  }
}
