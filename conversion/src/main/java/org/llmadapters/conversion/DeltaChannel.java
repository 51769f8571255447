package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import org.llmadapters.adapters.WeightChange;
import org.llmadapters.conversion.tensors.TensorCodec;
import org.llmadapters.graph.config.WeightDtype;

/**
 * Adds a delta to a weight that streams by, little-endian and row-major: every row is widened to
 * float32, added to, rounded once and passed on. Holds one row of the input and some hundred KiB of
 * the output.
 */
public final class DeltaChannel implements WritableByteChannel {
  private static final int CHUNK_BYTES = 1 << 20;

  private final WeightChange delta;
  private final WeightDtype from;
  private final WeightDtype to;
  private final WritableByteChannel out;
  private final ByteBuffer row;
  private final float[] values;
  private final ByteBuffer merged;
  private int rows;

  /**
   * A channel for one weight.
   *
   * @param columns the length of its rows
   * @param from what is written to this channel
   * @param to what is written to {@code out}
   */
  public DeltaChannel(
      WeightChange delta, long columns, WeightDtype from, WeightDtype to, WritableByteChannel out) {
    this.delta = delta;
    this.from = from;
    this.to = to;
    this.out = out;
    this.values = new float[Math.toIntExact(columns)];
    this.row = buffer(values.length * from.bytes());
    int rowBytes = values.length * to.bytes();
    this.merged = buffer(Math.max(1, CHUNK_BYTES / rowBytes) * rowBytes);
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int count = source.remaining();
    while (source.hasRemaining()) {
      int length = Math.min(source.remaining(), row.remaining());
      row.put(source.slice(source.position(), length));
      source.position(source.position() + length);
      if (!row.hasRemaining()) {
        mergeRow();
      }
    }
    return count;
  }

  private void mergeRow() throws IOException {
    TensorCodec.decode(from, row.flip(), values, values.length);
    row.clear();
    delta.mergeRow(rows++, values);
    TensorCodec.encode(to, values, values.length, merged);
    if (!merged.hasRemaining()) {
      flush();
    }
  }

  /** Passes on what is left; the last rows are not written before. */
  public void flush() throws IOException {
    merged.flip();
    while (merged.hasRemaining()) {
      out.write(merged);
    }
    merged.clear();
  }

  @Override
  public boolean isOpen() {
    return out.isOpen();
  }

  /** Does nothing: {@code out} belongs to another. */
  @Override
  public void close() {}
}
