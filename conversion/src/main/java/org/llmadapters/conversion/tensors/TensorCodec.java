package org.llmadapters.conversion.tensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Map;
import org.llmadapters.graph.config.WeightDtype;

/**
 * Reads and writes runs of elements between little-endian buffers and {@code float[]}. One loop per
 * format, so that each compiles to a tight one.
 */
public final class TensorCodec {
  /** Bytes per element of every dtype of the format. */
  public static final Map<String, Integer> ELEMENT_BYTES =
      Map.ofEntries(
          Map.entry("F64", 8),
          Map.entry("I64", 8),
          Map.entry("U64", 8),
          Map.entry("F32", 4),
          Map.entry("I32", 4),
          Map.entry("U32", 4),
          Map.entry("F16", 2),
          Map.entry("BF16", 2),
          Map.entry("I16", 2),
          Map.entry("U16", 2),
          Map.entry("I8", 1),
          Map.entry("U8", 1),
          Map.entry("BOOL", 1),
          Map.entry("F8_E4M3", 1),
          Map.entry("F8_E5M2", 1));

  /** How much is read, converted and written at a time; a multiple of every element's size. */
  public static final int CHUNK_BYTES = 1 << 20;

  private TensorCodec() {}

  /**
   * Bytes per element of {@code dtype}.
   *
   * @throws IllegalArgumentException if the format has no such dtype
   */
  public static int elementBytes(String dtype) {
    Integer bytes = ELEMENT_BYTES.get(dtype);
    if (bytes == null) {
      throw new IllegalArgumentException("no such dtype: " + dtype);
    }
    return bytes;
  }

  /** Whether {@link #decode} knows {@code dtype}. */
  static boolean isDecodable(String dtype) {
    return switch (dtype) {
      case "F64", "F32", "F16", "BF16" -> true;
      default -> false;
    };
  }

  /**
   * Takes {@code count} elements from {@code source}.
   *
   * @param narrow the floats will be narrowed to 16 bits: F64 is then rounded to odd
   */
  static void decode(String dtype, ByteBuffer source, float[] target, int count, boolean narrow) {
    switch (dtype) {
      case "F32" -> source.asFloatBuffer().get(target, 0, count);
      case "BF16" -> {
        short[] patterns = shorts(source, count);
        for (int i = 0; i < count; i++) {
          target[i] = FloatFormats.bf16ToFloat(patterns[i]);
        }
      }
      case "F16" -> {
        short[] patterns = shorts(source, count);
        for (int i = 0; i < count; i++) {
          target[i] = FloatFormats.f16ToFloat(patterns[i]);
        }
      }
      case "F64" -> {
        double[] values = new double[count];
        source.asDoubleBuffer().get(values);
        for (int i = 0; i < count; i++) {
          target[i] = narrow ? FloatFormats.doubleToOddFloat(values[i]) : (float) values[i];
        }
      }
      default -> throw new IllegalArgumentException("cannot decode " + dtype);
    }
  }

  /**
   * Takes the first {@code count} elements of {@code dtype} from {@code source}, a little-endian
   * buffer, which it leaves as it is.
   */
  public static void decode(WeightDtype dtype, ByteBuffer source, float[] target, int count) {
    decode(dtype.safetensorsName(), source, target, count, false);
  }

  /**
   * Puts {@code count} elements into {@code target}, a little-endian buffer, from its position,
   * which moves; each is rounded once.
   */
  public static void encode(WeightDtype dtype, float[] source, int count, ByteBuffer target) {
    switch (dtype) {
      case FLOAT32 -> target.asFloatBuffer().put(source, 0, count);
      case BFLOAT16 -> {
        short[] patterns = new short[count];
        for (int i = 0; i < count; i++) {
          patterns[i] = FloatFormats.floatToBf16(source[i]);
        }
        target.asShortBuffer().put(patterns);
      }
      case FLOAT16 -> {
        short[] patterns = new short[count];
        for (int i = 0; i < count; i++) {
          patterns[i] = FloatFormats.floatToF16(source[i]);
        }
        target.asShortBuffer().put(patterns);
      }
      case UINT8 ->
          throw new IllegalArgumentException("codes are no elements of a tensor of floats");
    }
    target.position(target.position() + count * dtype.bytes());
  }

  public static void writeAll(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private static short[] shorts(ByteBuffer source, int count) {
    short[] patterns = new short[count];
    source.asShortBuffer().get(patterns);
    return patterns;
  }
}
