package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

final class CudaRedistTest {
  private static final List<String> NAMES = List.of("liba.so.1", "libbb.so.2", "libccc.so.3");

  @TempDir private Path directory;

  @Test
  void findsTheJarOnTheClassPathAlsoUnderANameWithSpaces() throws IOException {
    Path folder = Files.createDirectory(directory.resolve("a b%20c"));
    CudaRedist written = FakeRedist.write(folder.resolve("redist.jar"), NAMES);
    try (URLClassLoader loader = FakeRedist.classPath(written.jar())) {
      assertThat(CudaRedist.find(loader, "liba.so.1")).contains(written);
      assertThat(CudaRedist.find(loader, "libz.so.1")).isEmpty();
    }
  }

  @Test
  void refusesLibrariesThatLieInAFolder() throws IOException {
    Path folder = Files.createDirectories(directory.resolve("org/bytedeco/cuda/linux-x86_64"));
    Files.writeString(folder.resolve("liba.so.1"), "a");
    try (URLClassLoader loader = FakeRedist.classPath(directory)) {
      assertThatThrownBy(() -> CudaRedist.find(loader, "liba.so.1"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageEndingWith(
              "liba.so.1: the CUDA libraries must be on the class path as a jar; put"
                  + " org.bytedeco:cuda:12.6-9.5-1.5.11:linux-x86_64-redist there");
    }
  }

  /** Sizes of three times the names; CRC-32 as {@code gzip} computes it. */
  @Test
  void readsSizesAndChecksums() throws IOException {
    assertThat(FakeRedist.write(directory.resolve("x.jar"), NAMES).libraries(NAMES))
        .extracting(CudaRedist.Library::name, CudaRedist.Library::size)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple("liba.so.1", 27L),
            org.assertj.core.groups.Tuple.tuple("libbb.so.2", 30L),
            org.assertj.core.groups.Tuple.tuple("libccc.so.3", 33L));
  }

  @Test
  void namesAllThatTheJarDoesNotHave() throws IOException {
    CudaRedist redist = FakeRedist.write(directory.resolve("x.jar"), NAMES.subList(1, 2));
    assertThatThrownBy(() -> redist.libraries(NAMES))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            redist.jar()
                + ": does not have liba.so.1, libccc.so.3; delete the file and build again, which"
                + " downloads it anew");
  }

  @Test
  void aFileThatIsNoJarIsNamed() throws IOException {
    Path jar = Files.writeString(directory.resolve("x.jar"), "half a download");
    assertThatThrownBy(() -> new CudaRedist(jar).libraries(NAMES))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith(jar + ": is not a sound jar: ")
        .hasMessageEndingWith("; delete the file and build again, which downloads it anew");
  }
}
