package org.llmadapters.conversion.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import org.llmadapters.conversion.files.FileBytes;
import org.llmadapters.conversion.tensors.TensorFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.FormatException;

/**
 * Reads a safetensors file:
 *
 * <pre>
 *   8 bytes   N, the length of the header, unsigned, little-endian
 *   N bytes   the header, JSON in UTF-8, begins with {, may be padded with spaces at its end:
 *             {"NAME": {"dtype": "F32", "shape": [4, 32], "data_offsets": [begin, end]}, ...,
 *              "__metadata__": {"format": "pt"}}
 *   the rest  the tensors, row-major, little-endian; offsets count from here, and every byte
 *             belongs to exactly one tensor
 * </pre>
 *
 * <p>Source: github.com/huggingface/safetensors, README.md, section "Format".
 */
public final class SafetensorsFile implements TensorFile {
  private static final long MAX_HEADER_BYTES = 100_000_000;

  private final Path file;
  private final FileChannel channel;
  private final SafetensorsHeader header;

  private SafetensorsFile(Path file, FileChannel channel, SafetensorsHeader header) {
    this.file = file;
    this.channel = channel;
    this.header = header;
  }

  /**
   * Opens {@code file} and checks its header; the caller closes.
   *
   * @throws FormatException that lists all that is wrong with it
   * @throws IOException if reading fails
   */
  public static SafetensorsFile open(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new FormatException(
          file, "%s", Files.exists(file) ? "is not a regular file" : "no such file");
    }
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    try {
      return new SafetensorsFile(file, channel, readHeader(file, channel));
    } catch (FormatException | IOException e) {
      channel.close();
      throw e;
    }
  }

  private static SafetensorsHeader readHeader(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < 8) {
      throw new FormatException(
          file, "has %d bytes; a safetensors file has at least 8: is it truncated?", size);
    }
    long length = read(file, channel, 0, 8).getLong();
    if (length < 0 || length > MAX_HEADER_BYTES) {
      throw new FormatException(
          file,
          "is not a safetensors file: header length %s, expected at most %d",
          Long.toUnsignedString(length),
          MAX_HEADER_BYTES);
    }
    if (length > size - 8) {
      throw new FormatException(
          file, "has %d bytes, but its header alone needs %d: is it truncated?", size, 8 + length);
    }
    byte[] json = read(file, channel, 8, (int) length).array();
    if (length == 0 || json[0] != '{') {
      throw new FormatException(file, "is not a safetensors file: its header must begin with {");
    }
    return SafetensorsHeader.parse(file, json, 8 + length, size - 8 - length);
  }

  private static ByteBuffer read(Path file, FileChannel channel, long offset, int length)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    FileBytes.read(file, channel, offset, buffer);
    return buffer.flip();
  }

  @Override
  public Path path() {
    return file;
  }

  /** The tensors by name, in the order of their bytes. */
  @Override
  public Map<String, TensorInfo> tensors() {
    return header.tensors();
  }

  /** {@code __metadata__}. */
  @Override
  public Map<String, String> metadata() {
    return header.metadata();
  }

  @Override
  public void read(TensorInfo tensor, long position, ByteBuffer target) throws IOException {
    requireTensor(tensor);
    FileBytes.read(file, channel, tensor.offset() + position, target);
  }

  /**
   * All elements of the I64 or I32 tensor called {@code name}, row-major.
   *
   * @throws IllegalArgumentException if there is no such tensor
   * @throws FormatException if it is of another dtype, or has more than 2^27 elements
   * @throws IOException if reading fails
   */
  public long[] readLongs(String name) throws IOException {
    TensorInfo tensor = requireTensor(name);
    if (!tensor.dtype().equals("I64") && !tensor.dtype().equals("I32")) {
      throw new FormatException(
          file, "%s: dtype %s, expected I64 or I32", tensor.name(), tensor.dtype());
    }
    if (tensor.bytes() > 1 << 30) {
      throw new FormatException(file, "%s: %s is too large", tensor.name(), tensor.shape());
    }
    ByteBuffer bytes = read(file, channel, tensor.offset(), (int) tensor.bytes());
    long[] values = new long[(int) tensor.elements()];
    if (tensor.dtype().equals("I64")) {
      bytes.asLongBuffer().get(values);
    } else {
      Arrays.setAll(values, i -> bytes.getInt(4 * i));
    }
    return values;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
