package org.llmadapters.training.devices;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.SizeText;
import org.llmadapters.graph.device.CudaLibraries;
import org.llmadapters.graph.device.CudaLibraryFile;
import org.llmadapters.graph.device.NvidiaGpu;
import org.llmadapters.graph.device.NvidiaSmi;
import org.llmadapters.graph.device.RegisteredDevice;
import org.llmadapters.graph.device.RegisteredDevices;
import org.llmadapters.graph.device.TensorFlowRuntime;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code llm-adapters devices}. */
@Command(
    name = "devices",
    description = "Tells what there is to compute on, and what a GPU needs that is missing.",
    sortOptions = false,
    footer = {"", "Examples:", "  llm-adapters devices", "  llm-adapters devices --json"})
public final class DevicesCommand implements Callable<Integer> {
  private static final long MEBIBYTE = 1 << 20;

  @Spec private @Nullable CommandSpec spec;

  @Option(names = "--json", description = "Print one JSON object, for programs.")
  private boolean json;

  @Override
  public Integer call() {
    DeviceReport report = DeviceReport.make();
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    if (json) {
      out.println(DeviceJson.of(report));
    } else {
      lines(report).forEach(out::println);
    }
    return 0;
  }

  /** The report as people read it. */
  static List<String> lines(DeviceReport report) {
    List<String> lines = new ArrayList<>();
    report
        .devices()
        .ifPresentOrElse(
            devices -> lines.addAll(tensorFlow(report, devices)),
            () -> lines.add("TensorFlow did not start"));
    lines.add(driver(report));
    report.gpus().forEach(gpu -> lines.add("  " + line(gpu)));
    report
        .tools()
        .ifPresent(
            tools -> {
              lines.addAll(libraries(report.libraries()));
              lines.add("libdevice  " + path(tools.cudaDataDir()));
              lines.add(
                  "ptxas      "
                      + tools
                          .ptxas()
                          .map(Object::toString)
                          .orElse("none; the driver does its work"));
            });
    report.remarks().forEach(remark -> lines.add("note: " + remark));
    return lines;
  }

  private static List<String> tensorFlow(DeviceReport report, RegisteredDevices devices) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "TensorFlow "
            + TensorFlowRuntime.version()
            + ", natives for "
            + (report.gpuNatives() ? "NVIDIA GPUs" : "CPUs"));
    for (RegisteredDevice device : devices.devices()) {
      // Of a CPU's memory TensorFlow knows nothing: it says 256 MiB.
      String memory =
          device.type().equals("CPU") ? "" : "  at most " + SizeText.bytes(device.memoryLimit());
      lines.add("  " + device.name() + memory);
    }
    return lines;
  }

  private static String driver(DeviceReport report) {
    if (report.driver().isEmpty()) {
      return "NVIDIA driver  none";
    }
    Optional<String> version =
        report.smi().flatMap(NvidiaSmi::driver).or(() -> report.driver().get().version());
    return "NVIDIA driver  "
        + version.orElse("version unknown")
        + report.smi().flatMap(NvidiaSmi::cuda).map(cuda -> ", up to CUDA " + cuda).orElse("");
  }

  private static String line(NvidiaGpu gpu) {
    return String.format(
        Locale.ROOT,
        "GPU %d  %s  %s, %s free  compute capability %s",
        gpu.index(),
        gpu.name(),
        memory(gpu.memoryTotal()),
        memory(gpu.memoryFree()),
        gpu.capability());
  }

  private static String memory(OptionalLong mebibytes) {
    return mebibytes.isPresent() ? SizeText.bytes(mebibytes.getAsLong() * MEBIBYTE) : "unknown";
  }

  private static List<String> libraries(List<CudaLibraryFile> libraries) {
    List<String> lines = new ArrayList<>();
    long found = libraries.stream().filter(library -> library.file().isPresent()).count();
    lines.add("CUDA libraries  " + found + " of " + CudaLibraries.NAMES.size());
    libraries.forEach(library -> lines.add("  " + library.name() + "  " + path(library.file())));
    return lines;
  }

  private static String path(Optional<?> path) {
    return path.map(Object::toString).orElse("missing");
  }
}
