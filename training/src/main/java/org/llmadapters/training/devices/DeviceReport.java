package org.llmadapters.training.devices;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.CudaLibraries;
import org.llmadapters.graph.device.CudaLibraryFile;
import org.llmadapters.graph.device.NvidiaDriver;
import org.llmadapters.graph.device.NvidiaGpu;
import org.llmadapters.graph.device.NvidiaSmi;
import org.llmadapters.graph.device.RegisteredDevices;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.device.XlaGpuTools;
import org.tensorflow.exceptions.TensorFlowException;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.proto.GPUOptions;

/**
 * What TensorFlow computes on here, and what a GPU needs.
 *
 * @param gpuNatives whether TensorFlow's natives are those for GPUs
 * @param devices what TensorFlow registered; empty if it did not start
 * @param driver of NVIDIA, if there is one
 * @param smi what the driver tells, if it does
 * @param libraries of CUDA; none for natives that need none
 * @param tools of XLA; empty for natives that need none
 * @param remarks what is missing or remarkable, each with its remedy
 */
record DeviceReport(
    boolean gpuNatives,
    Optional<RegisteredDevices> devices,
    Optional<NvidiaDriver> driver,
    Optional<NvidiaSmi> smi,
    List<CudaLibraryFile> libraries,
    Optional<XlaGpuTools> tools,
    List<String> remarks) {

  /** Starts TensorFlow and looks around. */
  static DeviceReport make() {
    boolean gpuNatives = TensorFlowRuntime.hasGpuNatives();
    List<String> remarks = new ArrayList<>();
    Optional<RegisteredDevices> devices = devices(remarks);
    Optional<NvidiaDriver> driver = NvidiaDriver.find();
    Optional<NvidiaSmi> smi = Optional.empty();
    if (driver.isEmpty()) {
      remarks.add(NvidiaDriver.remedy());
    } else {
      smi = smi(remarks);
    }
    List<CudaLibraryFile> libraries = List.of();
    Optional<XlaGpuTools> tools = Optional.empty();
    if (gpuNatives) {
      libraries = libraries(remarks);
      tools = Optional.of(XlaGpuTools.find());
      DeviceRemarks.ofTools(tools.get(), smi.flatMap(NvidiaSmi::cuda)).forEach(remarks::add);
    } else if (driver.isPresent()) {
      remarks.add(
          "TensorFlow's natives here are those for CPUs: leave out --device cpu (and"
              + " LLM_ADAPTERS_DEVICE) or, in a project of your own, take"
              + " tensorflow-core-native's classifier linux-x86_64-gpu");
    }
    smi.ifPresent(
        told -> told.gpus().stream().flatMap(gpu -> gpu.remark().stream()).forEach(remarks::add));
    if (gpuNatives
        && driver.isPresent()
        && devices.isPresent()
        && !devices.get().hasGpu()
        && libraries.stream().allMatch(library -> library.file().isPresent())) {
      remarks.add(
          "TensorFlow registered no GPU though the driver and all libraries are there;"
              + " run again with TF_CPP_MIN_LOG_LEVEL=0 to see what it says");
    }
    return new DeviceReport(
        gpuNatives, devices, driver, smi, libraries, tools, List.copyOf(remarks));
  }

  private static Optional<RegisteredDevices> devices(List<String> remarks) {
    ConfigProto options =
        SessionOptions.forThisMachine().toProto().toBuilder()
            .clearDeviceCount()
            .setGpuOptions(GPUOptions.newBuilder().setAllowGrowth(true))
            .build();
    try {
      return Optional.of(RegisteredDevices.of(options));
    } catch (UncheckedIOException
        | FormatException
        | IllegalStateException
        | TensorFlowException e) {
      remarks.add("TensorFlow did not start: " + e.getMessage());
      return Optional.empty();
    }
  }

  private static Optional<NvidiaSmi> smi(List<String> remarks) {
    try {
      return Optional.of(NvidiaSmi.run());
    } catch (IOException e) {
      remarks.add("what the driver knows about the GPUs is unknown: " + e.getMessage());
      return Optional.empty();
    }
  }

  private static List<CudaLibraryFile> libraries(List<String> remarks) {
    try {
      List<CudaLibraryFile> libraries = CudaLibraries.files();
      DeviceRemarks.ofLibraries(
              libraries, CudaLibraries.areOnClassPath(), NvidiaDriver.find().isPresent())
          .ifPresent(remarks::add);
      return libraries;
    } catch (IOException | FormatException e) {
      remarks.add(e.getMessage());
      return List.of();
    }
  }

  /** The GPUs that the driver tells of. */
  List<NvidiaGpu> gpus() {
    return smi.map(NvidiaSmi::gpus).orElse(List.of());
  }
}
