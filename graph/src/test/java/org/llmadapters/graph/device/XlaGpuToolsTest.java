package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class XlaGpuToolsTest {
  @TempDir private Path directory;
  private Path root = Path.of("");
  private Path cache = Path.of("");

  @BeforeEach
  void makeFolders() throws IOException {
    root = Files.createDirectory(directory.resolve("root"));
    cache = Files.createDirectory(directory.resolve("cache"));
  }

  private static Path libdevice(Path toolkit) throws IOException {
    Files.createDirectories(toolkit.resolve("nvvm/libdevice"));
    Files.writeString(toolkit.resolve("nvvm/libdevice/libdevice.10.bc"), "BC");
    return toolkit;
  }

  private static Path program(Path folder, boolean executable) throws IOException {
    Path file = Files.createDirectories(folder).resolve("ptxas");
    Files.writeString(file, "");
    assertThat(file.toFile().setExecutable(executable)).isTrue();
    return file;
  }

  private XlaGpuTools find(Map<String, String> environment) {
    return XlaGpuTools.find(cache, environment, root);
  }

  @Test
  void withoutAnythingTheDriverCompiles() {
    XlaGpuTools tools = find(Map.of("PATH", "/nowhere::"));
    assertThat(tools).isEqualTo(new XlaGpuTools(Optional.empty(), Optional.empty()));
    assertThat(tools.flags())
        .containsExactly("--xla_gpu_unsafe_fallback_to_driver_on_ptxas_not_found=true");
  }

  /** Takes away the best of the folders, one after the other. */
  @Test
  void libdeviceIsTheCachesOrThatOfAToolkit() throws IOException {
    Path home = libdevice(directory.resolve("home"));
    Path dir = libdevice(directory.resolve("dir"));
    Path linked = libdevice(root.resolve("usr/local/cuda"));
    Path newer = libdevice(root.resolve("usr/local/cuda-12.6"));
    Path older = libdevice(root.resolve("usr/local/cuda-12.5"));
    libdevice(cache);
    Map<String, String> environment =
        Map.of("CUDA_HOME", home.toString(), "CUDA_DIR", dir.toString());
    for (Path expected : java.util.List.of(cache, home, dir, linked, newer, older)) {
      assertThat(find(environment).cudaDataDir()).contains(expected);
      assertThat(find(environment).flags())
          .containsExactly(
              "--xla_gpu_cuda_data_dir=" + expected,
              "--xla_gpu_unsafe_fallback_to_driver_on_ptxas_not_found=true");
      Files.delete(expected.resolve("nvvm/libdevice/libdevice.10.bc"));
    }
    assertThat(find(environment).cudaDataDir()).isEmpty();
  }

  @Test
  void ptxasIsOneThatXlaFinds() throws IOException {
    Path first = Files.createDirectory(directory.resolve("first"));
    program(first, false);
    Path onPath = program(directory.resolve("second"), true);
    Map<String, String> environment =
        Map.of("PATH", first + ":" + directory.resolve("second"), "CUDA_HOME", "/elsewhere");
    assertThat(find(environment).ptxas()).contains(onPath);

    Path ofToolkit = program(root.resolve("usr/local/cuda/bin"), true);
    assertThat(find(environment).ptxas()).contains(ofToolkit);

    Path home = libdevice(directory.resolve("home"));
    Path ofHome = program(home.resolve("bin"), true);
    assertThat(find(environment).ptxas()).contains(ofToolkit);
    assertThat(find(Map.of("CUDA_HOME", home.toString())).ptxas()).contains(ofHome);
  }

  @Test
  void aFolderWithSpacesIsQuoted() {
    assertThat(new XlaGpuTools(Optional.of(Path.of("/my cache")), Optional.empty()).flags().get(0))
        .isEqualTo("--xla_gpu_cuda_data_dir=\"/my cache\"");
  }
}
