package org.llmadapters.conversion.tensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Map;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.config.WeightDtype;

/** Named tensors in a file, or in a set of files, of whatever format; caller closes. */
public interface TensorFile extends AutoCloseable {
  /** The file, or the one that lists the others. */
  Path path();

  /** The tensors by name. */
  Map<String, TensorInfo> tensors();

  /** Texts that the file holds besides. */
  Map<String, String> metadata();

  /**
   * Fills {@code target} from its position to its limit with elements of {@code tensor}, row-major,
   * little-endian.
   *
   * @param tensor one of {@link #tensors}
   * @param position in bytes from its first element, at the start of an element
   * @param target takes whole elements, no more than are left
   * @throws IllegalArgumentException if {@code tensor} is none of this file's
   * @throws FormatException if the file ends before
   * @throws IOException if reading fails
   */
  void read(TensorInfo tensor, long position, ByteBuffer target) throws IOException;

  /**
   * Writes the elements of {@code tensor} to {@code out} as {@code target}, little-endian,
   * row-major, a mebibyte at a time. Bytes of the same format are copied as they are; else each is
   * rounded once, as in {@link FloatFormats}.
   *
   * @throws FormatException if the tensor is not of F64, F32, BF16 or F16
   * @throws IOException if reading or writing fails
   */
  default void copyTo(TensorInfo tensor, WeightDtype target, WritableByteChannel out)
      throws IOException {
    boolean same = tensor.dtype().equals(target.safetensorsName());
    if (!same) {
      requireFloat(tensor);
    }
    int elementBytes = TensorCodec.elementBytes(tensor.dtype());
    int chunk = TensorCodec.CHUNK_BYTES / elementBytes;
    ByteBuffer input =
        ByteBuffer.allocateDirect((int) Math.min(TensorCodec.CHUNK_BYTES, tensor.bytes()))
            .order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[same ? 0 : (int) Math.min(chunk, tensor.elements())];
    ByteBuffer output =
        ByteBuffer.allocateDirect(values.length * target.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (long done = 0; done < tensor.bytes(); done += input.limit()) {
      input.clear().limit((int) Math.min(TensorCodec.CHUNK_BYTES, tensor.bytes() - done));
      read(tensor, done, input);
      input.flip();
      if (same) {
        TensorCodec.writeAll(out, input);
      } else {
        int count = input.limit() / elementBytes;
        TensorCodec.decode(tensor.dtype(), input, values, count, target.bytes() == 2);
        TensorCodec.encode(target, values, count, output.clear());
        TensorCodec.writeAll(out, output.flip());
      }
    }
  }

  /**
   * All elements of the F64, F32, BF16 or F16 tensor called {@code name}, row-major.
   *
   * @throws IllegalArgumentException if there is no such tensor
   * @throws FormatException if it is of another dtype, or has more than 2^30 elements
   * @throws IOException if reading fails
   */
  default float[] readFloats(String name) throws IOException {
    TensorInfo tensor = requireTensor(name);
    requireFloat(tensor);
    if (tensor.elements() > 1 << 30) {
      throw new FormatException(path(), "%s: %s is too large", name, tensor.shape());
    }
    float[] values = new float[(int) tensor.elements()];
    int elementBytes = TensorCodec.elementBytes(tensor.dtype());
    float[] chunk = new float[Math.min(values.length, TensorCodec.CHUNK_BYTES / elementBytes)];
    ByteBuffer bytes =
        ByteBuffer.allocate(chunk.length * elementBytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int done = 0; done < values.length; ) {
      int count = Math.min(chunk.length, values.length - done);
      bytes.clear().limit(count * elementBytes);
      read(tensor, (long) done * elementBytes, bytes);
      TensorCodec.decode(tensor.dtype(), bytes.flip(), chunk, count, false);
      System.arraycopy(chunk, 0, values, done, count);
      done += count;
    }
    return values;
  }

  /**
   * The tensor called {@code name}.
   *
   * @throws IllegalArgumentException if there is none
   */
  default TensorInfo requireTensor(String name) {
    TensorInfo tensor = tensors().get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(path() + ": has no tensor " + name);
    }
    return tensor;
  }

  /**
   * Does nothing if {@code tensor} is one of {@link #tensors}.
   *
   * @throws IllegalArgumentException if not
   */
  default void requireTensor(TensorInfo tensor) {
    if (!tensor.equals(tensors().get(tensor.name()))) {
      throw new IllegalArgumentException(path() + ": has no " + tensor);
    }
  }

  private void requireFloat(TensorInfo tensor) {
    if (!tensor.isFloat()) {
      throw new FormatException(
          path(), "%s: dtype %s, expected F64, F32, BF16 or F16", tensor.name(), tensor.dtype());
    }
  }

  @Override
  void close() throws IOException;
}
