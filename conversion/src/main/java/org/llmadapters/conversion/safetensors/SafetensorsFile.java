package org.llmadapters.conversion.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

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
public final class SafetensorsFile implements AutoCloseable {
  private static final long MAX_HEADER_BYTES = 100_000_000;
  static final int CHUNK_BYTES = 1 << 20;

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
    fill(file, channel, offset, buffer);
    return buffer;
  }

  private static void fill(Path file, FileChannel channel, long offset, ByteBuffer buffer)
      throws IOException {
    long position = offset;
    while (buffer.hasRemaining()) {
      int count = channel.read(buffer, position);
      if (count < 0) {
        throw new FormatException(file, "ends at byte %d: was it changed meanwhile?", position);
      }
      position += count;
    }
    buffer.flip();
  }

  /** The file. */
  public Path path() {
    return file;
  }

  /** The tensors by name, in the order of their bytes. */
  public Map<String, TensorInfo> tensors() {
    return header.tensors();
  }

  /** {@code __metadata__}. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** Whether {@link #copyTo} and {@link #readFloats} can read {@code tensor}. */
  public static boolean isFloat(TensorInfo tensor) {
    return TensorCodec.isDecodable(tensor.dtype());
  }

  /**
   * Writes the elements of {@code tensor} to {@code out} as {@code target}, little-endian,
   * row-major, a mebibyte at a time. Bytes of the same format are copied as they are; else each is
   * rounded once, as in {@link FloatFormats}.
   *
   * @throws FormatException if the tensor is not of F64, F32, BF16 or F16
   * @throws IOException if reading or writing fails
   */
  public void copyTo(TensorInfo tensor, WeightDtype target, WritableByteChannel out)
      throws IOException {
    requireOurs(tensor);
    boolean same = tensor.dtype().equals(target.safetensorsName());
    if (!same) {
      requireFloat(tensor);
    }
    int elementBytes = TensorCodec.ELEMENT_BYTES.getOrDefault(tensor.dtype(), 1);
    int chunk = CHUNK_BYTES / elementBytes;
    ByteBuffer input =
        ByteBuffer.allocateDirect((int) Math.min(CHUNK_BYTES, tensor.bytes()))
            .order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[same ? 0 : (int) Math.min(chunk, tensor.elements())];
    ByteBuffer output =
        ByteBuffer.allocateDirect(values.length * target.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (long done = 0; done < tensor.bytes(); done += input.limit()) {
      input.clear().limit((int) Math.min(CHUNK_BYTES, tensor.bytes() - done));
      fill(file, channel, tensor.offset() + done, input);
      if (same) {
        writeAll(out, input);
      } else {
        int count = input.limit() / elementBytes;
        TensorCodec.decode(tensor.dtype(), input, values, count, target.bytes() == 2);
        output.clear();
        TensorCodec.encode(target, values, count, output);
        writeAll(out, output.flip());
      }
    }
  }

  static void writeAll(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /**
   * All elements of the F64, F32, BF16 or F16 tensor called {@code name}, row-major.
   *
   * @throws IllegalArgumentException if there is no such tensor
   * @throws FormatException if it is of another dtype, or has more than 2^30 elements
   * @throws IOException if reading fails
   */
  public float[] readFloats(String name) throws IOException {
    TensorInfo tensor = require(name);
    requireFloat(tensor);
    float[] values = new float[elements(tensor)];
    int elementBytes = TensorCodec.ELEMENT_BYTES.getOrDefault(tensor.dtype(), 1);
    float[] chunk = new float[Math.min(values.length, CHUNK_BYTES / elementBytes)];
    for (int done = 0; done < values.length; ) {
      int count = Math.min(chunk.length, values.length - done);
      ByteBuffer bytes =
          read(file, channel, tensor.offset() + (long) done * elementBytes, count * elementBytes);
      TensorCodec.decode(tensor.dtype(), bytes, chunk, count, false);
      System.arraycopy(chunk, 0, values, done, count);
      done += count;
    }
    return values;
  }

  /**
   * All elements of the I64 or I32 tensor called {@code name}, row-major.
   *
   * @throws IllegalArgumentException if there is no such tensor
   * @throws FormatException if it is of another dtype, or has more than 2^27 elements
   * @throws IOException if reading fails
   */
  public long[] readLongs(String name) throws IOException {
    TensorInfo tensor = require(name);
    if (!tensor.dtype().equals("I64") && !tensor.dtype().equals("I32")) {
      throw new FormatException(
          file, "%s: dtype %s, expected I64 or I32", tensor.name(), tensor.dtype());
    }
    if (tensor.bytes() > 1 << 30) {
      throw new FormatException(file, "%s: %s is too large", tensor.name(), tensor.shape());
    }
    ByteBuffer bytes = read(file, channel, tensor.offset(), (int) tensor.bytes());
    long[] values = new long[elements(tensor)];
    if (tensor.dtype().equals("I64")) {
      bytes.asLongBuffer().get(values);
    } else {
      Arrays.setAll(values, i -> bytes.getInt(4 * i));
    }
    return values;
  }

  private TensorInfo require(String name) {
    TensorInfo tensor = tensors().get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(file + ": has no tensor " + name);
    }
    return tensor;
  }

  private void requireOurs(TensorInfo tensor) {
    if (!tensor.equals(tensors().get(tensor.name()))) {
      throw new IllegalArgumentException(file + ": has no " + tensor);
    }
  }

  private void requireFloat(TensorInfo tensor) {
    if (!isFloat(tensor)) {
      throw new FormatException(
          file, "%s: dtype %s, expected F64, F32, BF16 or F16", tensor.name(), tensor.dtype());
    }
  }

  private int elements(TensorInfo tensor) {
    if (tensor.elements() > 1 << 30) {
      throw new FormatException(file, "%s: %s is too large", tensor.name(), tensor.shape());
    }
    return (int) tensor.elements();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
