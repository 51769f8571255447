package org.llmadapters.graph.device;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** A jar laid out like the one with CUDA's libraries, whose libraries are short texts. */
final class FakeRedist {
  private static final String FOLDER = "org/bytedeco/cuda/linux-x86_64/";

  private FakeRedist() {}

  /** What the library of this name holds: different lengths for different names. */
  static String content(String name) {
    return name.repeat(3);
  }

  /** Writes a jar with these libraries. */
  static CudaRedist write(Path jar, List<String> names) throws IOException {
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
      for (String name : names) {
        zip.putNextEntry(new ZipEntry(FOLDER + name));
        zip.write(content(name).getBytes(UTF_8));
      }
    }
    return new CudaRedist(jar);
  }

  /** A class path of this file alone. */
  static URLClassLoader classPath(Path file) throws IOException {
    return new URLClassLoader(new URL[] {file.toUri().toURL()}, null);
  }
}
