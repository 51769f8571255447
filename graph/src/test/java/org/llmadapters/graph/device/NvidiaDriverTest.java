package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class NvidiaDriverTest {
  @TempDir private Path root;

  private void write(String name, String content) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(root.resolve(name.substring(0, name.lastIndexOf('/'))));
    Files.writeString(file, content);
  }

  @Test
  void aMachineWithoutFilesHasNone() {
    assertThat(NvidiaDriver.find(root)).isEmpty();
    assertThat(NvidiaDriver.remedy(root))
        .isEqualTo(
            "no NVIDIA driver (no /proc/driver/nvidia/version): install one of version 525.60.13"
                + " or newer for CUDA 12, e.g. with 'sudo ubuntu-drivers install' on Ubuntu;"
                + " nothing else is needed");
  }

  /** The proprietary and the open kernel module. */
  @Test
  void readsTheVersionOfTheModule() throws IOException {
    write("dev/nvidiactl", "");
    write(
        "proc/driver/nvidia/version",
        """
        NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024
        GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
        """);
    assertThat(NvidiaDriver.find(root)).contains(new NvidiaDriver(Optional.of("550.54.15")));
    write(
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build  (d@b)\n");
    assertThat(NvidiaDriver.find(root)).contains(new NvidiaDriver(Optional.of("570.86.10")));
    write("proc/driver/nvidia/version", "something new");
    assertThat(NvidiaDriver.find(root)).contains(new NvidiaDriver(Optional.empty()));
  }

  @Test
  void aContainerThatWasNotGivenTheGpuHasNone() throws IOException {
    write("proc/driver/nvidia/version", "NVRM version: 550.54.15");
    assertThat(NvidiaDriver.find(root)).isEmpty();
    assertThat(NvidiaDriver.remedy(root))
        .isEqualTo(
            "the NVIDIA kernel module is loaded, but /dev/nvidiactl is missing: in a container,"
                + " start it with the GPU (docker run --gpus all); elsewhere run nvidia-smi once as"
                + " root");
  }

  @Test
  void underWslItIsWindowsDriver() throws IOException {
    write("dev/dxg", "");
    assertThat(NvidiaDriver.find(root)).isEmpty();
    write("usr/lib/wsl/lib/libcuda.so.1", "");
    assertThat(NvidiaDriver.find(root)).contains(new NvidiaDriver(Optional.empty()));
  }
}
