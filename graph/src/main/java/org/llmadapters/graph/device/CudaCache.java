package org.llmadapters.graph.device;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.ZipException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder with libraries unpacked from a jar.
 *
 * <p>{@code manifest.txt} has a line {@code CRC32 SIZE MODIFIED NAME} for each library that was
 * unpacked and checked: the CRC-32 in hexadecimal, the size in bytes, and the file's time of
 * modification in milliseconds since 1970. A file that differs from its line in size or time, or
 * whose line differs from the jar, is unpacked again.
 *
 * @param folder where the libraries are; made when it is needed
 */
record CudaCache(Path folder) {
  private static final Logger log = LoggerFactory.getLogger(CudaCache.class);

  private static final String MANIFEST = "manifest.txt";
  private static final String LOCK = "lock";

  /** What is being written; under the lock, so that one name is enough and nothing piles up. */
  private static final String PARTIAL = ".partial";

  private static final int BUFFER = 1 << 20;

  /** Left over on the disk for everybody else. */
  private static final long SPARE = 64L << 20;

  /** The file of a library. */
  Path file(String name) {
    return folder.resolve(name);
  }

  /** The libraries that are not there as they were when they were unpacked and checked. */
  List<CudaRedist.Library> missing(List<CudaRedist.Library> libraries) throws IOException {
    Map<String, String> manifest = manifest();
    return libraries.stream()
        .filter(library -> !line(library).equals(manifest.get(library.name())))
        .toList();
  }

  /**
   * Unpacks what is missing. A second process that does the same waits, and then finds all there.
   *
   * @throws org.llmadapters.graph.FormatException if the jar is damaged
   * @throws IOException if the disk has no room, or writing fails; what was unpacked until then
   *     stays
   */
  void fill(CudaRedist redist, List<CudaRedist.Library> libraries) throws IOException {
    if (missing(libraries).isEmpty()) {
      return;
    }
    try {
      Files.createDirectories(folder);
      synchronized (CudaCache.class) { // a file's lock is for processes, not for threads
        try (FileChannel channel =
                FileChannel.open(
                    folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock lock = channel.lock()) {
          log.debug("locked {}", lock);
          unpack(redist, missing(libraries));
        }
      }
    } catch (java.nio.file.AccessDeniedException | java.nio.file.ReadOnlyFileSystemException e) {
      throw new IOException(
          folder + ": cannot be written to; " + CudaLibraries.CACHE_REMEDY + " (" + e + ")", e);
    }
  }

  private void unpack(CudaRedist redist, List<CudaRedist.Library> missing) throws IOException {
    long total = missing.stream().mapToLong(CudaRedist.Library::size).sum();
    requireSpace(total);
    if (missing.isEmpty()) {
      return;
    }
    log.info(
        "unpacking {} CUDA libraries, {}, to {} (once)", missing.size(), gigabytes(total), folder);
    long started = System.nanoTime();
    Map<String, String> manifest = manifest();
    long[] done = {0};
    redist.unpack(
        missing,
        (library, bytes) -> {
          unpack(redist, library, bytes);
          manifest.put(library.name(), line(library));
          write(manifest);
          done[0] += library.size();
          log.info("  {} of {}  {}", gigabytes(done[0]), gigabytes(total), library.name());
        });
    log.info(
        "unpacked in {} s",
        String.format(Locale.ROOT, "%.0f", (System.nanoTime() - started) / 1e9));
  }

  private void requireSpace(long bytes) throws IOException {
    long free = Files.getFileStore(folder).getUsableSpace();
    if (bytes > 0 && free < bytes + SPARE) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "%s: unpacking the CUDA libraries needs %s of disk, %s are free; make room, or %s",
              folder,
              gigabytes(bytes + SPARE),
              gigabytes(free),
              CudaLibraries.CACHE_REMEDY));
    }
  }

  private void unpack(CudaRedist redist, CudaRedist.Library library, InputStream bytes)
      throws IOException {
    Path partial = file(library.name() + PARTIAL);
    CRC32 crc = new CRC32();
    long size = 0;
    try {
      try (OutputStream output = Files.newOutputStream(partial)) {
        byte[] buffer = new byte[BUFFER];
        for (int read = bytes.read(buffer); read >= 0; read = bytes.read(buffer)) {
          crc.update(buffer, 0, read);
          output.write(buffer, 0, read);
          size += read;
        }
      } catch (ZipException e) {
        throw redist.damaged("cannot be unpacked at " + library.name() + ": " + e.getMessage(), e);
      }
      if (size != library.size() || crc.getValue() != library.crc()) {
        throw redist.damaged(
            String.format(
                Locale.ROOT,
                "has %s with CRC-32 %08x and %d bytes, expected %08x and %d",
                library.name(),
                crc.getValue(),
                size,
                library.crc(),
                library.size()),
            null);
      }
      move(partial, file(library.name()));
    } finally {
      Files.deleteIfExists(partial);
    }
  }

  /** The line that the manifest should have for a library; none if its file is not whole. */
  private String line(CudaRedist.Library library) {
    Path file = file(library.name());
    try {
      if (Files.size(file) != library.size()) {
        return "";
      }
      return String.format(
          Locale.ROOT,
          "%08x %d %d %s",
          library.crc(),
          library.size(),
          Files.getLastModifiedTime(file).toMillis(),
          library.name());
    } catch (IOException e) { // it is not there
      return "";
    }
  }

  /** Lines by the name at their end. */
  private Map<String, String> manifest() throws IOException {
    Map<String, String> lines = new TreeMap<>();
    try {
      String text = new String(Files.readAllBytes(folder.resolve(MANIFEST)), UTF_8);
      text.lines().forEach(line -> lines.put(line.substring(line.lastIndexOf(' ') + 1), line));
    } catch (NoSuchFileException e) {
      log.debug("{} is new", folder);
    }
    return lines;
  }

  private void write(Map<String, String> manifest) throws IOException {
    Path partial = file(MANIFEST + PARTIAL);
    Files.writeString(partial, String.join("\n", manifest.values()) + "\n");
    move(partial, folder.resolve(MANIFEST));
  }

  private static void move(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }
}
