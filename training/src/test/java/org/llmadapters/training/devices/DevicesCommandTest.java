package org.llmadapters.training.devices;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.device.CudaLibraryFile;
import org.llmadapters.graph.device.NvidiaDriver;
import org.llmadapters.graph.device.NvidiaGpu;
import org.llmadapters.graph.device.NvidiaSmi;
import org.llmadapters.graph.device.RegisteredDevice;
import org.llmadapters.graph.device.RegisteredDevices;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.device.XlaGpuTools;
import picocli.CommandLine;

final class DevicesCommandTest {
  private static final RegisteredDevice CPU = new RegisteredDevice("/device:CPU:0", "CPU", 1 << 28);
  private static final RegisteredDevice GPU =
      new RegisteredDevice("/device:GPU:0", "GPU", 130L << 30);

  /** A machine with a GPU on which one library is missing. */
  private static DeviceReport report() {
    return new DeviceReport(
        true,
        Optional.of(new RegisteredDevices(List.of(CPU, GPU))),
        Optional.of(new NvidiaDriver(Optional.of("1.2.3"))),
        Optional.of(
            new NvidiaSmi(
                Optional.of("550.54.15"),
                Optional.of("12.4"),
                List.of(
                    new NvidiaGpu(
                        0,
                        "NVIDIA H200",
                        OptionalLong.of(2048),
                        OptionalLong.empty(),
                        new NvidiaGpu.Capability(9, 0))))),
        List.of(
            new CudaLibraryFile("liba.so", Optional.of(Path.of("/x/liba.so"))),
            new CudaLibraryFile("libb.so", Optional.empty())),
        Optional.of(new XlaGpuTools(Optional.of(Path.of("/x")), Optional.empty())),
        List.of("do this"));
  }

  @Test
  void textShowsEverything() {
    assertThat(DevicesCommand.lines(report()))
        .containsExactly(
            "TensorFlow " + TensorFlowRuntime.version() + ", natives for NVIDIA GPUs",
            "  /device:CPU:0",
            "  /device:GPU:0  at most 130.00 GiB",
            "NVIDIA driver  550.54.15, up to CUDA 12.4",
            "  GPU 0  NVIDIA H200  2.00 GiB, unknown free  compute capability 9.0",
            "CUDA libraries  1 of 20",
            "  liba.so  /x/liba.so",
            "  libb.so  missing",
            "libdevice  /x",
            "ptxas      none; the driver does its work",
            "note: do this");
  }

  @Test
  void textWithoutAGpuIsShort() {
    DeviceReport report =
        new DeviceReport(
            false,
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            List.of(),
            Optional.empty(),
            List.of());
    assertThat(DevicesCommand.lines(report))
        .containsExactly("TensorFlow did not start", "NVIDIA driver  none");
  }

  @Test
  void jsonShowsEverything() {
    assertThat(DeviceJson.of(report()))
        .hasToString(
            """
            {"natives":"gpu","tensorflow_devices":[\
            {"name":"/device:CPU:0","type":"CPU","memory_limit":268435456},\
            {"name":"/device:GPU:0","type":"GPU","memory_limit":139586437120}],\
            "driver":true,"driver_version":"550.54.15","driver_cuda_version":"12.4",\
            "gpus":[{"index":0,"name":"NVIDIA H200","memory_total":2147483648,\
            "memory_free":null,"compute_capability":"9.0"}],\
            "cuda_libraries":[{"name":"liba.so","file":"/x/liba.so"},\
            {"name":"libb.so","file":null}],\
            "cuda_data_dir":"/x","ptxas":null,"notes":["do this"]}""");
  }

  @Test
  void remarksNameWhatIsMissingAndTheRemedy() {
    List<CudaLibraryFile> libraries = report().libraries();
    assertThat(DeviceRemarks.ofLibraries(libraries.subList(0, 1), true, true)).isEmpty();
    assertThat(DeviceRemarks.ofLibraries(libraries, true, false))
        .contains("the CUDA libraries are unpacked when there is a driver");
    assertThat(DeviceRemarks.ofLibraries(libraries, true, true).orElseThrow())
        .startsWith("CUDA libraries not unpacked in ")
        .endsWith(": libb.so");
    assertThat(DeviceRemarks.ofLibraries(libraries, false, true))
        .contains(
            "CUDA libraries missing: libb.so; have"
                + " org.bytedeco:cuda:12.6-9.5-1.5.11:linux-x86_64-redist on the class path, or"
                + " install CUDA 12 and cuDNN 9 and put their folders into LD_LIBRARY_PATH");
  }

  @Test
  void anOldDriverAndNoPtxasAreRemarkedTogetherAlone() {
    XlaGpuTools neither = new XlaGpuTools(Optional.of(Path.of("/x")), Optional.empty());
    XlaGpuTools both = new XlaGpuTools(Optional.of(Path.of("/x")), Optional.of(Path.of("/p")));
    assertThat(DeviceRemarks.ofTools(neither, Optional.of("12.4")))
        .containsExactly(
            "the driver supports CUDA 12.4 and there is no ptxas: what XLA compiles may need a"
                + " driver for CUDA 12.5 (555.42 or newer), or a ptxas of CUDA 12 on PATH");
    assertThat(DeviceRemarks.ofTools(neither, Optional.of("11.8"))).hasSize(1);
    assertThat(DeviceRemarks.ofTools(neither, Optional.of("12.5"))).isEmpty();
    assertThat(DeviceRemarks.ofTools(neither, Optional.of("13.0"))).isEmpty();
    assertThat(DeviceRemarks.ofTools(neither, Optional.empty())).isEmpty();
    assertThat(DeviceRemarks.ofTools(both, Optional.of("12.4"))).isEmpty();
    assertThat(
            DeviceRemarks.ofTools(
                new XlaGpuTools(Optional.empty(), Optional.empty()), Optional.empty()))
        .containsExactly(XlaGpuTools.libdeviceRemedy());
  }

  /** Whatever machine this is: it has a CPU. */
  @Test
  void runsHere() {
    StringWriter out = new StringWriter();
    CommandLine command = new CommandLine(new DevicesCommand());
    command.setOut(new PrintWriter(out));
    assertThat(command.execute()).isZero();
    assertThat(out.toString())
        .startsWith("TensorFlow " + TensorFlowRuntime.version() + ", natives for ")
        .contains("device:CPU:0")
        .contains("NVIDIA driver  ");
    out.getBuffer().setLength(0);
    assertThat(command.execute("--json")).isZero();
    assertThat(out.toString()).startsWith("{\"natives\":");
  }
}
