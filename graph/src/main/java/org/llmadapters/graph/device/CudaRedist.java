package org.llmadapters.graph.device;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;
import org.llmadapters.graph.FormatException;

/**
 * The jar with NVIDIA's CUDA libraries, {@code org.bytedeco:cuda:...:linux-x86_64-redist}.
 *
 * <p>Source of the layout: the entries of version 12.6-9.5-1.5.11.
 *
 * @param jar the file
 */
record CudaRedist(Path jar) {
  private static final String FOLDER = "org/bytedeco/cuda/linux-x86_64/";

  /**
   * A library in the jar.
   *
   * @param name of the file
   * @param size bytes, unpacked
   * @param crc CRC-32 of the unpacked bytes
   */
  record Library(String name, long size, long crc) {}

  /** What takes an unpacked library. */
  interface Sink {
    /** Reads {@code bytes} to their end. */
    void accept(Library library, InputStream bytes) throws IOException;
  }

  /** The jar that {@code loader} finds {@code library} in, if any. */
  static Optional<CudaRedist> find(ClassLoader loader, String library) throws IOException {
    URL url = loader.getResource(FOLDER + library);
    if (url == null) {
      return Optional.empty();
    }
    if (!(url.openConnection() instanceof JarURLConnection connection)) {
      throw new IllegalArgumentException(
          url
              + ": the CUDA libraries must be on the class path as a jar; put"
              + " org.bytedeco:cuda:12.6-9.5-1.5.11:linux-x86_64-redist there");
    }
    try {
      return Optional.of(new CudaRedist(Path.of(connection.getJarFileURL().toURI())));
    } catch (URISyntaxException e) {
      throw new IOException(url + ": is not a file's name: " + e.getMessage(), e);
    }
  }

  /**
   * The libraries of these names, as the jar's directory has them.
   *
   * @throws FormatException if one is missing; with all that are
   */
  List<Library> libraries(List<String> names) throws IOException {
    List<Library> libraries = new ArrayList<>();
    List<String> missing = new ArrayList<>();
    try (ZipFile zip = open()) {
      for (String name : names) {
        ZipEntry entry = zip.getEntry(FOLDER + name);
        if (entry == null || entry.getSize() < 0 || entry.getCrc() < 0) {
          missing.add(name);
        } else {
          libraries.add(new Library(name, entry.getSize(), entry.getCrc()));
        }
      }
    }
    if (!missing.isEmpty()) {
      throw damaged("does not have " + String.join(", ", missing), null);
    }
    return libraries;
  }

  /** Gives the bytes of each library to {@code sink}. */
  void unpack(List<Library> libraries, Sink sink) throws IOException {
    try (ZipFile zip = open()) {
      for (Library library : libraries) {
        ZipEntry entry = zip.getEntry(FOLDER + library.name());
        if (entry == null) {
          throw damaged("does not have " + library.name(), null);
        }
        try (InputStream bytes = zip.getInputStream(entry)) {
          sink.accept(library, bytes);
        }
      }
    }
  }

  private ZipFile open() throws IOException {
    try {
      return new ZipFile(jar.toFile());
    } catch (java.util.zip.ZipException e) {
      throw damaged("is not a sound jar: " + e.getMessage(), e);
    }
  }

  /** The jar is not what it should be. */
  FormatException damaged(String problem, @Nullable Throwable cause) {
    String remedy = "; delete the file and build again, which downloads it anew";
    return cause == null
        ? new FormatException(jar, "%s%s", problem, remedy)
        : new FormatException(jar, problem + remedy, cause);
  }
}
