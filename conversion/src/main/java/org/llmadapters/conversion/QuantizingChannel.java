package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.quantize.Int8;
import org.llmadapters.graph.quantize.Nf4;
import org.llmadapters.graph.quantize.Quantization;

/**
 * Makes codes of a weight that streams by as float32, little-endian and row-major, and keeps the
 * largest magnitude of every run of weights that share one: a row, or a block of 64.
 */
final class QuantizingChannel implements WritableByteChannel {
  private static final int CHUNK_BYTES = 1 << 16;

  private final String name;
  private final Quantization quantization;
  private final Path file;
  private final WritableByteChannel out;
  private final ByteBuffer run;
  private final ByteBuffer codes;
  private final float[] values;
  private final float[] magnitudes;
  private int runs;

  /**
   * @param weight what is written to this channel
   * @param file it comes from
   * @param out gets the codes
   */
  QuantizingChannel(Weight weight, Quantization quantization, Path file, WritableByteChannel out) {
    this.name = weight.name();
    this.quantization = quantization;
    this.file = file;
    this.out = out;
    int length =
        switch (quantization) {
          case INT8 -> Math.toIntExact(weight.shape().get(1));
          case NF4 -> Nf4.BLOCK;
        };
    this.values = new float[length];
    this.run = ByteBuffer.allocate(length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    this.codes = ByteBuffer.allocate(Math.max(length, CHUNK_BYTES));
    this.magnitudes = new float[Math.toIntExact((weight.elements() + length - 1) / length)];
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int count = source.remaining();
    while (source.hasRemaining()) {
      int length = Math.min(source.remaining(), run.remaining());
      run.put(source.slice(source.position(), length));
      source.position(source.position() + length);
      if (!run.hasRemaining()) {
        quantizeRun();
      }
    }
    return count;
  }

  /** The largest magnitude of each run, when all of the weight has been written. */
  float[] finish() throws IOException {
    if (run.position() > 0) {
      while (run.hasRemaining()) {
        run.put((byte) 0);
      }
      quantizeRun();
    }
    flush();
    return magnitudes;
  }

  private void quantizeRun() throws IOException {
    run.flip().asFloatBuffer().get(values);
    run.clear();
    float magnitude = 0;
    for (float value : values) {
      if (!Float.isFinite(value)) {
        throw new FormatException(
            file, "%s: one of the weights is %s, which no code stands for", name, value);
      }
      magnitude = Math.max(magnitude, Math.abs(value));
    }
    magnitudes[runs++] = magnitude;
    if (codes.remaining() < values.length) {
      flush();
    }
    switch (quantization) {
      case INT8 -> {
        double scale = magnitude == 0 ? 0 : Int8.LARGEST / (double) magnitude;
        for (float value : values) {
          codes.put((byte) (Int8.ZERO + Math.round(value * scale)));
        }
      }
      case NF4 -> {
        float scale = magnitude == 0 ? 1 : magnitude;
        for (int i = 0; i < values.length; i += 2) {
          codes.put((byte) (Nf4.code(values[i] / scale) << 4 | Nf4.code(values[i + 1] / scale)));
        }
      }
    }
  }

  private void flush() throws IOException {
    codes.flip();
    while (codes.hasRemaining()) {
      out.write(codes);
    }
    codes.clear();
  }

  @Override
  public boolean isOpen() {
    return out.isOpen();
  }

  /** Does nothing: {@code out} belongs to another. */
  @Override
  public void close() {}
}
