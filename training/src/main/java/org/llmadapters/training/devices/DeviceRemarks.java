package org.llmadapters.training.devices;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.llmadapters.graph.device.CudaLibraries;
import org.llmadapters.graph.device.CudaLibraryFile;
import org.llmadapters.graph.device.XlaGpuTools;

/** What is missing for a GPU, by name, and what to do. */
final class DeviceRemarks {
  /** XLA of TF 2.18 writes PTX 8.5, CUDA 12.5's, unless a ptxas limits it. */
  private static final int CUDA_MAJOR = 12;

  private static final int CUDA_MINOR = 5;

  private DeviceRemarks() {}

  /**
   * About libraries.
   *
   * @param onClassPath whether they come from the class path
   * @param driver whether there is a driver; without one they are not unpacked
   */
  static Optional<String> ofLibraries(
      List<CudaLibraryFile> libraries, boolean onClassPath, boolean driver) {
    String missing =
        libraries.stream()
            .filter(library -> library.file().isEmpty())
            .map(CudaLibraryFile::name)
            .collect(Collectors.joining(", "));
    if (missing.isEmpty()) {
      return Optional.empty();
    }
    if (onClassPath) {
      return driver
          ? Optional.of("CUDA libraries not unpacked in " + CudaLibraries.folder() + ": " + missing)
          : Optional.of("the CUDA libraries are unpacked when there is a driver");
    }
    return Optional.of(
        "CUDA libraries missing: "
            + missing
            + "; have org.bytedeco:cuda:12.6-9.5-1.5.11:linux-x86_64-redist on the class path, or"
            + " install CUDA 12 and cuDNN 9 and put their folders into LD_LIBRARY_PATH");
  }

  /**
   * About what XLA needs.
   *
   * @param cuda newest version of CUDA that the driver supports, if it is known
   */
  static List<String> ofTools(XlaGpuTools tools, Optional<String> cuda) {
    List<String> remarks = new ArrayList<>();
    if (tools.cudaDataDir().isEmpty()) {
      remarks.add(XlaGpuTools.libdeviceRemedy());
    }
    if (tools.ptxas().isEmpty() && cuda.isPresent() && isOlder(cuda.get())) {
      remarks.add(
          "the driver supports CUDA "
              + cuda.get()
              + " and there is no ptxas: what XLA compiles may need a driver for CUDA "
              + CUDA_MAJOR
              + "."
              + CUDA_MINOR
              + " (555.42 or newer), or a ptxas of CUDA 12 on PATH");
    }
    return remarks;
  }

  private static boolean isOlder(String cuda) {
    String[] parts = cuda.split("\\.", -1);
    int major = Integer.parseInt(parts[0]);
    return major < CUDA_MAJOR || (major == CUDA_MAJOR && Integer.parseInt(parts[1]) < CUDA_MINOR);
  }
}
