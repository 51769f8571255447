package org.llmadapters.eval;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.graph.FormatException;

/** SHA-256 of files, in hexadecimal: the same files have the same, wherever they lie. */
final class Fingerprint {
  private Fingerprint() {}

  /** Of the names, sizes and contents of {@code files}, in their order. */
  static String of(List<Path> files) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    byte[] buffer = new byte[1 << 16];
    for (Path file : files) {
      digest.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
      digest.update(ByteBuffer.allocate(Long.BYTES).putLong(0, Files.size(file)));
      try (InputStream input = Files.newInputStream(file)) {
        for (int read = input.read(buffer); read >= 0; read = input.read(buffer)) {
          digest.update(buffer, 0, read);
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * Of a model: its configuration, its tokenizer and the index of its weights, which has a checksum
   * of every tensor. The weights themselves, gigabytes, are not read.
   */
  static String ofModel(BaseModel base) throws IOException {
    List<Path> files = new ArrayList<>();
    files.add(base.variables().resolveSibling(base.variables().getFileName() + ".index"));
    files.addAll(files(base.assets(), "*"));
    return of(files);
  }

  /**
   * Of the configurations and tensors of adapters.
   *
   * @throws FormatException if a directory has no {@code adapter_*} file
   */
  static String ofAdapters(List<Path> directories) throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path directory : directories) {
      List<Path> found = Files.isDirectory(directory) ? files(directory, "adapter_*") : List.of();
      if (found.isEmpty()) {
        throw new FormatException(
            directory, "has no adapter_config.json; expected an adapter directory");
      }
      files.addAll(found);
    }
    return of(files);
  }

  private static List<Path> files(Path directory, String glob) throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, glob)) {
      entries.forEach(files::add);
    }
    return files.stream().filter(Files::isRegularFile).sorted().toList();
  }
}
