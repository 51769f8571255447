package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CompileCacheTest {
  @TempDir private Path directory;

  @Test
  void programsOfOtherMachinesLieElsewhere() {
    String one = CompileCache.folder("2.18.0", "Model: NVIDIA H200", "--xla_a=1", "false");
    assertThat(one)
        .matches("[0-9a-f]{16}")
        .isEqualTo(CompileCache.folder("2.18.0", "Model: NVIDIA H200", "--xla_a=1", "false"))
        .isNotEqualTo(CompileCache.folder("2.18.0", "Model: NVIDIA A100", "--xla_a=1", "false"))
        .isNotEqualTo(CompileCache.folder("2.18.0", "Model: NVIDIA H200", "--xla_a=2", "false"))
        .isNotEqualTo(CompileCache.folder("2.18.0", "Model: NVIDIA H200", "--xla_a=1", "true"));
  }

  @Test
  void readsTheModelsOfAllGpus() throws IOException {
    gpu("0000:b1:00.0", "Model: \t\t NVIDIA A100\nIRQ: 3\n");
    gpu("0000:1b:00.0", "Model: \t\t NVIDIA H200\nGPU UUID: GPU-1\n");
    assertThat(CompileCache.gpus(directory))
        .isEqualTo("Model: \t\t NVIDIA H200\nModel: \t\t NVIDIA A100");
    assertThat(CompileCache.gpus(directory.resolve("none"))).isEmpty();
  }

  private void gpu(String bus, String information) throws IOException {
    Path folder = Files.createDirectories(directory.resolve(bus));
    Files.writeString(folder.resolve("information"), information);
  }

  @Test
  void readsTheProcessorAndItsInstructions() throws IOException {
    Path file = directory.resolve("cpuinfo");
    Files.writeString(
        file, "processor\t: 0\nmodel name\t: EPYC\ncpu MHz\t: 1\nflags\t\t: avx2 amx\n");
    assertThat(CompileCache.cpu(file)).isEqualTo("model name\t: EPYC\nflags\t\t: avx2 amx");
  }
}
