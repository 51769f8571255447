package org.llmadapters.graph.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;

final class CudaCacheTest {
  private static final List<String> NAMES = List.of("liba.so.1", "libbb.so.2", "libccc.so.3");

  @TempDir private Path directory;
  private CudaRedist redist = new CudaRedist(Path.of(""));
  private List<CudaRedist.Library> libraries = List.of();
  private CudaCache cache = new CudaCache(Path.of(""));

  @BeforeEach
  void write() throws IOException {
    redist = FakeRedist.write(directory.resolve("redist.jar"), NAMES);
    libraries = redist.libraries(NAMES);
    cache = new CudaCache(directory.resolve("some/cache"));
  }

  private static void assertWhole(CudaCache cache) throws IOException {
    for (String name : NAMES) {
      assertThat(cache.file(name)).hasContent(FakeRedist.content(name));
    }
    try (Stream<Path> files = Files.list(cache.folder())) {
      assertThat(files.map(file -> String.valueOf(file.getFileName())))
          .containsExactlyInAnyOrder(
              "liba.so.1", "libbb.so.2", "libccc.so.3", "manifest.txt", "lock");
    }
  }

  /** Times of modification that no two writings of a file share. */
  private FileTime[] stamp() throws IOException {
    FileTime[] times = new FileTime[NAMES.size()];
    for (int i = 0; i < times.length; i++) {
      times[i] = Files.getLastModifiedTime(cache.file(NAMES.get(i)));
    }
    return times;
  }

  @Test
  void unpacksOnceAndThenFindsAllThere() throws IOException {
    assertThat(cache.missing(libraries)).isEqualTo(libraries);
    cache.fill(redist, libraries);
    assertWhole(cache);
    assertThat(cache.missing(libraries)).isEmpty();
    FileTime[] before = stamp();
    Files.delete(cache.folder().resolve("lock"));
    cache.fill(redist, libraries);
    assertThat(stamp()).isEqualTo(before);
    assertThat(cache.folder().resolve("lock")).doesNotExist(); // nothing was written at all
  }

  @Test
  void unpacksAgainWhatWasCutChangedOrDeletedAndNothingElse() throws IOException {
    cache.fill(redist, libraries);
    for (Damage damage : Damage.values()) {
      FileTime first = Files.getLastModifiedTime(cache.file(NAMES.get(0)));
      damage.hurt(cache.file(NAMES.get(1)));
      assertThat(cache.missing(libraries)).as("%s", damage).containsExactly(libraries.get(1));
      cache.fill(redist, libraries);
      assertWhole(cache);
      assertThat(Files.getLastModifiedTime(cache.file(NAMES.get(0)))).isEqualTo(first);
    }
  }

  /** What can happen to a file. */
  private enum Damage {
    CUT {
      @Override
      void hurt(Path file) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
          open.setLength(5);
        }
      }
    },
    CHANGED {
      @Override
      void hurt(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[3] ^= 1;
        Files.write(file, bytes);
        Files.setLastModifiedTime(file, FileTime.fromMillis(1));
      }
    },
    DELETED {
      @Override
      void hurt(Path file) throws IOException {
        Files.delete(file);
      }
    };

    abstract void hurt(Path file) throws IOException;
  }

  @Test
  void unpacksAgainWhenTheManifestIsGoneOrIsNonsense() throws IOException {
    cache.fill(redist, libraries);
    Path manifest = cache.folder().resolve("manifest.txt");
    byte[] good = Files.readAllBytes(manifest);
    Files.delete(manifest);
    assertThat(cache.missing(libraries)).isEqualTo(libraries);
    Files.write(manifest, new byte[] {(byte) 0xFF, 0, 10, 10, 32});
    cache.fill(redist, libraries);
    assertWhole(cache);
    assertThat(good).isNotEmpty();
    assertThat(cache.missing(libraries)).isEmpty();
  }

  @Test
  void unpacksAgainWhatAnotherJarHasOtherwise() throws IOException {
    cache.fill(redist, libraries);
    CudaRedist.Library other = new CudaRedist.Library("libbb.so.2", 30, 12345);
    assertThat(cache.missing(List.of(libraries.get(0), other))).containsExactly(other);
  }

  @Test
  void aJarWhoseBytesAreNotWhatItsDirectorySaysIsRefused() {
    List<CudaRedist.Library> expected =
        List.of(libraries.get(0), new CudaRedist.Library("libbb.so.2", 30, 0xABCDEF12L));
    assertThatThrownBy(() -> cache.fill(redist, expected))
        .isInstanceOf(FormatException.class)
        .hasMessageMatching(
            ".*redist\\.jar: has libbb\\.so\\.2 with CRC-32 [0-9a-f]{8} and 30 bytes, expected"
                + " abcdef12 and 30; delete the file and build again, which downloads it anew");
    assertThat(cache.file("liba.so.1")).hasContent(FakeRedist.content("liba.so.1"));
    assertThat(cache.file("libbb.so.2")).doesNotExist();
    assertThat(cache.file("libbb.so.2.partial")).doesNotExist();
  }

  @Test
  void severalAtOnceUnpackOnce() throws Exception {
    int threads = 4;
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Future<FileTime[]>> results = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        results.add(
            pool.submit(
                () -> {
                  cache.fill(redist, libraries);
                  return stamp();
                }));
      }
      FileTime[] first = results.get(0).get();
      for (Future<FileTime[]> result : results) {
        assertThat(result.get()).isEqualTo(first);
      }
    } finally {
      pool.shutdown();
    }
    assertWhole(cache);
  }

  /** A file system in memory of 1 MiB: less than is left over for everybody else. */
  @Test
  void aDiskThatIsTooSmallIsSaidBeforeAnythingIsWritten() throws IOException {
    try (FileSystem small =
        Jimfs.newFileSystem(Configuration.unix().toBuilder().setMaxSize(1 << 20).build())) {
      CudaCache full = new CudaCache(small.getPath("/cache"));
      assertThatThrownBy(() -> full.fill(redist, libraries))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "/cache: unpacking the CUDA libraries needs 0.07 GB of disk, 0.00 GB are free; make"
                  + " room, or set LLM_ADAPTERS_CACHE to a folder elsewhere");
      assertThat(full.file("liba.so.1")).doesNotExist();
    }
  }

  @Test
  void aCacheThatCannotBeMadeIsNamed() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    assertThatThrownBy(() -> new CudaCache(file.resolve("cache")).fill(redist, libraries))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString());
  }
}
