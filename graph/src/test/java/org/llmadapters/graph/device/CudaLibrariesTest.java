package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

final class CudaLibrariesTest {
  @TempDir private Path directory;

  @Test
  void filesOfTheJarAreThoseThatWereUnpackedAndAreWhole() throws IOException {
    CudaRedist redist = FakeRedist.write(directory.resolve("redist.jar"), CudaLibraries.NAMES);
    Path folder = directory.resolve("cache");
    new CudaCache(folder).fill(redist, redist.libraries(CudaLibraries.NAMES));
    Files.delete(folder.resolve("libcudnn_ops.so.9"));
    try (URLClassLoader loader = FakeRedist.classPath(redist.jar())) {
      List<CudaLibraryFile> expected =
          CudaLibraries.NAMES.stream()
              .map(
                  name ->
                      new CudaLibraryFile(
                          name,
                          name.equals("libcudnn_ops.so.9")
                              ? Optional.empty()
                              : Optional.of(folder.resolve(name))))
              .toList();
      assertThat(CudaLibraries.files(loader, folder, List.of())).isEqualTo(expected);
    }
  }

  @Test
  void withoutTheJarFilesAreThoseOfTheSystem() throws IOException {
    Path first = Files.createDirectory(directory.resolve("first"));
    Path second = Files.createDirectory(directory.resolve("second"));
    Files.writeString(second.resolve("libcudart.so.12"), "");
    Files.writeString(first.resolve("libcudnn.so.9"), "");
    Files.writeString(second.resolve("libcudnn.so.9"), "");
    try (URLClassLoader loader = FakeRedist.classPath(directory)) {
      assertThat(CudaLibraries.files(loader, directory, List.of(first, second)))
          .hasSize(20)
          .filteredOn(library -> library.file().isPresent())
          .containsExactly(
              new CudaLibraryFile(
                  "libcudart.so.12", Optional.of(second.resolve("libcudart.so.12"))),
              new CudaLibraryFile("libcudnn.so.9", Optional.of(first.resolve("libcudnn.so.9"))));
    }
  }

  @Test
  void withoutTheJarNothingIsUnpackedOrLoaded() throws IOException {
    try (URLClassLoader loader = FakeRedist.classPath(directory)) {
      CudaLibraries.load(loader, directory.resolve("cache"));
    }
    assertThat(directory.resolve("cache")).doesNotExist();
  }

  @Test
  void aJarThatLacksLibrariesIsNamedWithAllOfThem() throws IOException {
    CudaRedist redist =
        FakeRedist.write(
            directory.resolve("redist.jar"),
            CudaLibraries.NAMES.subList(0, CudaLibraries.NAMES.size() - 2));
    try (URLClassLoader loader = FakeRedist.classPath(redist.jar())) {
      assertThatThrownBy(() -> CudaLibraries.load(loader, directory.resolve("cache")))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("does not have libnccl.so.2, libcupti.so.12;");
    }
  }

  /** The first of the fakes is a text, which the dynamic linker refuses. */
  @Test
  void aLibraryThatCannotBeLoadedIsNamedWithItsCause() throws IOException {
    CudaRedist redist = FakeRedist.write(directory.resolve("redist.jar"), CudaLibraries.NAMES);
    Path folder = directory.resolve("cache");
    try (URLClassLoader loader = FakeRedist.classPath(redist.jar())) {
      assertThatThrownBy(() -> CudaLibraries.load(loader, folder))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("the CUDA library libcudart.so.12 cannot be loaded: ")
          .hasMessageContaining("file too short")
          .hasMessageEndingWith(
              "; delete "
                  + folder
                  + " to have it unpacked again, or compute on the CPU with --device cpu");
    }
  }
}
