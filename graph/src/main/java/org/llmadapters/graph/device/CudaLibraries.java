package org.llmadapters.graph.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * NVIDIA's libraries that TensorFlow's natives for GPUs open by their names when they start:
 * TensorFlow silently computes on the CPU where one of them cannot be found. Here they come from
 * the jar {@code org.bytedeco:cuda:12.6-9.5-1.5.11:linux-x86_64-redist} on the class path, and are
 * loaded before TensorFlow is: a library that is loaded is found by its name.
 */
public final class CudaLibraries {
  private static final Logger log = LoggerFactory.getLogger(CudaLibraries.class);

  /** The files, in an order in which each needs only those before it. */
  public static final List<String> NAMES =
      List.of(
          "libcudart.so.12",
          "libnvJitLink.so.12",
          "libcublasLt.so.12",
          "libcublas.so.12",
          "libcufft.so.11",
          "libcurand.so.10",
          "libcusparse.so.12",
          "libcusolver.so.11",
          "libnvrtc-builtins.so.12.6",
          Libdevice.HOST,
          "libcudnn_graph.so.9",
          "libcudnn_ops.so.9",
          "libcudnn_heuristic.so.9",
          "libcudnn_engines_precompiled.so.9",
          "libcudnn_engines_runtime_compiled.so.9",
          "libcudnn_cnn.so.9",
          "libcudnn_adv.so.9",
          "libcudnn.so.9",
          "libnccl.so.2",
          "libcupti.so.12");

  /** What to do if the folder is no good. */
  static final String CACHE_REMEDY = "set " + CacheDirectory.VARIABLE + " to a folder elsewhere";

  /** The versions of CUDA and cuDNN. */
  private static final String VERSION_FOLDER = "cuda-12.6-9.5";

  private CudaLibraries() {}

  /** The folder they are unpacked to: {@code cuda-12.6-9.5} in {@link CacheDirectory}. */
  public static Path folder() {
    return CacheDirectory.ofUser().resolve(VERSION_FOLDER).toAbsolutePath();
  }

  /** Whether the jar with the libraries is on the class path. */
  public static boolean areOnClassPath() throws IOException {
    return redist(CudaLibraries.class.getClassLoader()).isPresent();
  }

  /**
   * Where each of them is: unpacked from the jar on the class path and whole or, without that jar,
   * in a folder of {@code LD_LIBRARY_PATH} or one that the system usually has them in.
   */
  public static List<CudaLibraryFile> files() throws IOException {
    return files(CudaLibraries.class.getClassLoader(), folder(), systemFolders(System.getenv()));
  }

  static List<CudaLibraryFile> files(ClassLoader loader, Path folder, List<Path> system)
      throws IOException {
    Optional<CudaRedist> redist = redist(loader);
    if (redist.isEmpty()) {
      return NAMES.stream().map(name -> new CudaLibraryFile(name, find(name, system))).toList();
    }
    CudaCache cache = new CudaCache(folder);
    Set<String> missing = new HashSet<>();
    cache.missing(redist.get().libraries(NAMES)).forEach(library -> missing.add(library.name()));
    return NAMES.stream()
        .map(
            name ->
                new CudaLibraryFile(
                    name,
                    missing.contains(name) ? Optional.empty() : Optional.of(cache.file(name))))
        .toList();
  }

  private static Optional<Path> find(String name, List<Path> folders) {
    return folders.stream().map(folder -> folder.resolve(name)).filter(Files::exists).findFirst();
  }

  private static List<Path> systemFolders(Map<String, String> environment) {
    return Stream.concat(
            Stream.of(environment.getOrDefault("LD_LIBRARY_PATH", "").split(":", -1))
                .filter(folder -> !folder.isEmpty()),
            Stream.of("/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib64"))
        .map(Path::of)
        .toList();
  }

  private static Optional<CudaRedist> redist(ClassLoader loader) throws IOException {
    return CudaRedist.find(loader, NAMES.get(0));
  }

  /**
   * Unpacks them to {@code folder} unless they are there, and loads them. Without the jar on the
   * class path this is left to the system.
   *
   * @throws IOException if they cannot be unpacked
   * @throws IllegalStateException if one cannot be loaded
   */
  static void load(ClassLoader loader, Path folder) throws IOException {
    Optional<CudaRedist> redist = redist(loader);
    if (redist.isEmpty()) {
      log.debug("no CUDA libraries on the class path; the system has to have them");
      return;
    }
    CudaCache cache = new CudaCache(folder);
    cache.fill(redist.get(), redist.get().libraries(NAMES));
    Libdevice.provide(folder);
    for (String name : NAMES) {
      load(cache.file(name));
    }
  }

  static void load(Path file) {
    try {
      System.load(file.toString());
    } catch (UnsatisfiedLinkError e) {
      String cause = String.valueOf(e.getMessage());
      if (cause.contains("already loaded in another classloader")) {
        return; // loaded is loaded: what looks for it is not Java
      }
      throw new IllegalStateException(
          "the CUDA library "
              + file.getFileName()
              + " cannot be loaded: "
              + cause
              + "; delete "
              + file.getParent()
              + " to have it unpacked again, or compute on the CPU with --device cpu",
          e);
    }
  }
}
