package org.llmadapters.graph.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What XLA needs beside libraries to compile for a GPU: the bitcode library {@code libdevice}, and
 * {@code ptxas}, which makes machine code of PTX. Where there is no {@code ptxas} the driver does
 * its work.
 *
 * @param cudaDataDir a folder with {@code nvvm/libdevice/libdevice.10.bc}, if there is one
 * @param ptxas the program, if it is where XLA looks: in {@code bin} of that folder or of {@code
 *     /usr/local/cuda}, or on {@code PATH}
 */
public record XlaGpuTools(Optional<Path> cudaDataDir, Optional<Path> ptxas) {
  private static final String TOOLKITS = "usr/local";
  private static final String TOOLKIT = "cuda";

  /** What this machine has. */
  public static XlaGpuTools find() {
    return find(CudaLibraries.folder(), System.getenv(), Path.of("/"));
  }

  /**
   * What the machine has whose files are under {@code root}.
   *
   * @param cache where {@link Libdevice} writes
   */
  static XlaGpuTools find(Path cache, Map<String, String> environment, Path root) {
    List<Path> folders = new ArrayList<>();
    folders.add(cache);
    Stream.of("CUDA_HOME", "CUDA_DIR")
        .map(name -> environment.getOrDefault(name, ""))
        .filter(value -> !value.isEmpty())
        .forEach(value -> folders.add(Path.of(value)));
    folders.addAll(toolkits(root.resolve(TOOLKITS)));
    Optional<Path> data =
        folders.stream()
            .filter(folder -> Files.isRegularFile(folder.resolve(Libdevice.PATH)))
            .findFirst();

    List<Path> programs = new ArrayList<>();
    data.ifPresent(folder -> programs.add(folder.resolve("bin")));
    programs.add(root.resolve(TOOLKITS).resolve(TOOLKIT).resolve("bin"));
    for (String folder : environment.getOrDefault("PATH", "").split(":", -1)) {
      programs.add(Path.of(folder));
    }
    return new XlaGpuTools(
        data,
        programs.stream()
            .map(folder -> folder.resolve("ptxas"))
            .filter(Files::isExecutable)
            .findFirst());
  }

  /** {@code /usr/local/cuda}, then {@code /usr/local/cuda-12.6} and its like, newest first. */
  private static List<Path> toolkits(Path folder) {
    List<Path> toolkits = new ArrayList<>();
    toolkits.add(folder.resolve(TOOLKIT));
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(
              file ->
                  Objects.requireNonNull(file.getFileName()).toString().startsWith(TOOLKIT + "-"))
          .sorted((a, b) -> b.compareTo(a))
          .forEach(toolkits::add);
    } catch (IOException e) {
      return toolkits; // there is no such folder
    }
    return toolkits;
  }

  /**
   * The flags that belong into {@code XLA_FLAGS} before XLA compiles for the first time, by TF
   * 2.18's names; it ends the process at one that it does not know, and at a missing {@code ptxas}
   * if it may not fall back to the driver. The latter flag is there in any case, because XLA passes
   * over a {@code ptxas} older than 11.8.
   */
  public List<String> flags() {
    List<String> flags = new ArrayList<>();
    cudaDataDir.ifPresent(folder -> flags.add("--xla_gpu_cuda_data_dir=" + quoted(folder)));
    flags.add("--xla_gpu_unsafe_fallback_to_driver_on_ptxas_not_found=true");
    return flags;
  }

  private static String quoted(Path folder) {
    String name = folder.toString();
    return name.chars().anyMatch(Character::isWhitespace) ? "\"" + name + "\"" : name;
  }

  /** What to do where there is no {@code libdevice}. */
  public static String libdeviceRemedy() {
    return "XLA finds no "
        + Libdevice.PATH
        + ": have org.bytedeco:cuda:12.6-9.5-1.5.11:linux-x86_64-redist on the class path, or"
        + " install CUDA's compiler ('sudo apt install cuda-nvcc-12-6' from NVIDIA's repository)"
        + " and set CUDA_HOME to its folder";
  }
}
