package org.llmadapters.graph.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * NVIDIA's library of mathematical functions as LLVM bitcode, {@code libdevice.10.bc}, which XLA
 * links into what it compiles for a GPU. The CUDA toolkit has it as a file, the jar with CUDA's
 * libraries does not; but CUDA's run-time compiler, {@code libnvrtc.so.12}, carries a copy, which
 * is cut out.
 */
final class Libdevice {
  private static final Logger log = LoggerFactory.getLogger(Libdevice.class);

  /** The library that carries the bitcode. */
  static final String HOST = "libnvrtc.so.12";

  /** Where XLA looks for it in a folder of CUDA. */
  static final String PATH = "nvvm/libdevice/libdevice.10.bc";

  /** The first bytes of LLVM bitcode. */
  private static final byte[] MAGIC = {'B', 'C', (byte) 0xC0, (byte) 0xDE};

  /** Of CUDA 12.6. */
  private static final Bitcode BITCODE =
      new Bitcode(475_704, "34a654bc8b480151970e589a8dc12c93ae4a5401fe259784c95320d3ea44be38");

  private Libdevice() {}

  /**
   * What is looked for.
   *
   * @param size bytes
   * @param sha256 in hexadecimal
   */
  record Bitcode(int size, String sha256) {
    /** Whether {@code bytes} have it at {@code offset}. */
    boolean isAt(byte[] bytes, int offset) {
      if (offset > bytes.length - size) {
        return false;
      }
      try {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(bytes, offset, size);
        return HexFormat.of().formatHex(digest.digest()).equals(sha256);
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every Java has SHA-256", e);
      }
    }

    /** Where it begins in {@code bytes}, if it is there. */
    Optional<Integer> find(byte[] bytes) {
      for (int i = 0; i <= bytes.length - MAGIC.length; i++) {
        if (bytes[i] == MAGIC[0]
            && bytes[i + 1] == MAGIC[1]
            && bytes[i + 2] == MAGIC[2]
            && bytes[i + 3] == MAGIC[3]
            && isAt(bytes, i)) {
          return Optional.of(i);
        }
      }
      return Optional.empty();
    }
  }

  /**
   * Cuts the bitcode out of the library in {@code folder}, to {@code nvvm/libdevice} there, unless
   * it was done. Without the bitcode TensorFlow runs, and only programs that XLA compiles cannot
   * use a function of it: if it cannot be had, that is logged.
   */
  static void provide(Path folder) {
    try {
      provide(folder, BITCODE);
    } catch (IOException e) {
      log.warn("cannot write {}: {}", folder.resolve(PATH), e.toString());
    }
  }

  static void provide(Path folder, Bitcode bitcode) throws IOException {
    Path file = folder.resolve(PATH);
    if (Files.isRegularFile(file)
        && Files.size(file) == bitcode.size()
        && bitcode.isAt(Files.readAllBytes(file), 0)) {
      return;
    }
    byte[] library = Files.readAllBytes(folder.resolve(HOST));
    Optional<Integer> start = bitcode.find(library);
    if (start.isEmpty()) {
      log.warn("{}: does not carry the libdevice of CUDA 12.6", folder.resolve(HOST));
      return;
    }
    Path parent = Files.createDirectories(folder.resolve("nvvm/libdevice"));
    Path partial = Files.createTempFile(parent, "libdevice", ".partial");
    try {
      byte[] bytes = new byte[bitcode.size()];
      System.arraycopy(library, start.get(), bytes, 0, bytes.length);
      Files.write(partial, bytes);
      Files.move(
          partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(partial);
    }
  }
}
