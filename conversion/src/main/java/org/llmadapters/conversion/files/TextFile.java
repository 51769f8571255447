package org.llmadapters.conversion.files;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.llmadapters.graph.FormatException;

/** Reads UTF-8 text, also out of gzip, a piece at a time. */
public final class TextFile {
  /** The end of the name of a file that is unpacked. */
  public static final String GZIP = ".gz";

  /** Text shrinks to about a fifth; what grows much more was made to fill memory or disk. */
  private static final long MAX_GROWTH = 100;

  /** Small files may grow as they like. */
  private static final long ALWAYS_ALLOWED = 64L << 20;

  private TextFile() {}

  /**
   * Opens {@code file}; the caller closes. Reading throws {@link
   * java.nio.charset.CharacterCodingException} where the text is not UTF-8, and {@link
   * FormatException} where it is not sound gzip or grows to more than 100 times its size.
   *
   * @throws FormatException if it is a folder, or its name ends in {@code .gz} and it is not gzip
   * @throws IOException if it cannot be read
   */
  public static BufferedReader open(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new FormatException(file, "is a folder, expected a file");
    }
    InputStream bytes = Files.newInputStream(file);
    if (file.toString().endsWith(GZIP)) {
      try {
        bytes = new Unpacked(file, new GZIPInputStream(bytes, 1 << 16), Files.size(file));
      } catch (ZipException | EOFException e) {
        bytes.close();
        throw new FormatException(file, "is not gzip: " + e.getMessage(), e);
      }
    }
    return new BufferedReader(
        new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder()), 1 << 16);
  }

  /** Counts what comes out. */
  private static final class Unpacked extends FilterInputStream {
    private final Path file;
    private final long limit;
    private long count;

    Unpacked(Path file, InputStream unpacked, long packedSize) {
      super(unpacked);
      this.file = file;
      this.limit = Math.max(ALWAYS_ALLOWED, MAX_GROWTH * packedSize);
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      int read;
      try {
        read = super.read(buffer, offset, length);
      } catch (ZipException | EOFException e) {
        throw new FormatException(file, "is not sound gzip: " + e.getMessage(), e);
      }
      count += Math.max(0, read);
      if (count > limit) {
        throw new FormatException(
            file, "unpacks to more than %d bytes, the most for a file of its size", limit);
      }
      return read;
    }
  }
}
