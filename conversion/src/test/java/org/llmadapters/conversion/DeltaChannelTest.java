package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.WeightChange;
import org.llmadapters.conversion.tensors.FloatFormats;
import org.llmadapters.graph.config.WeightDtype;

final class DeltaChannelTest {
  private static final int IN = 3;

  private static WeightChange delta() {
    float[][] delta = {{14, 4, 4}, {6, 2, 0}};
    return (row, weights) -> {
      for (int i = 0; i < IN; i++) {
        weights[i] += delta[row][i];
      }
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 12, 13, 24})
  void addsTheDeltaHoweverTheBytesArrive(int pieceBytes) throws IOException {
    ByteBuffer weight = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    weight.asFloatBuffer().put(new float[] {1, 2, 3, 4, 5, 6});
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeltaChannel channel =
        new DeltaChannel(
            delta(), IN, WeightDtype.FLOAT32, WeightDtype.FLOAT32, Channels.newChannel(out))) {
      while (weight.hasRemaining()) {
        ByteBuffer piece =
            weight.slice(weight.position(), Math.min(pieceBytes, weight.remaining()));
        weight.position(weight.position() + piece.remaining());
        assertThat(channel.write(piece)).isEqualTo(piece.limit());
        assertThat(piece.hasRemaining()).isFalse();
      }
      channel.flush();
    }
    float[] merged = new float[6];
    ByteBuffer.wrap(out.toByteArray()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(merged);
    assertThat(merged).containsExactly(15, 6, 7, 10, 7, 6);
  }

  @Test
  void widensAddsAndRoundsOnce() throws IOException {
    // 256 + 4 = 260 is even in the last place of bfloat16; 1.0078125 = 1 + 2^-7 plus 14 is rounded.
    float[] weights = {1.0078125f, 256, 0, 0, 0, 0};
    ByteBuffer stored = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
    for (float weight : weights) {
      stored.putShort(FloatFormats.floatToBf16(weight));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeltaChannel channel =
        new DeltaChannel(
            delta(), IN, WeightDtype.BFLOAT16, WeightDtype.BFLOAT16, Channels.newChannel(out))) {
      channel.write(stored.flip());
      channel.flush();
    }
    ByteBuffer merged = ByteBuffer.wrap(out.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[6];
    for (int i = 0; i < 6; i++) {
      values[i] = FloatFormats.bf16ToFloat(merged.getShort());
    }
    assertThat(values).containsExactly(15, 260, 4, 6, 2, 0);
  }

  @Test
  void passesOnSomeHundredKibibytesAtATime() throws IOException {
    int rows = 1 << 16;
    long[] counts = new long[2];
    WritableByteChannel out =
        new WritableByteChannel() {
          @Override
          public int write(ByteBuffer source) {
            int count = source.remaining();
            assertThat(count).isBetween(1 << 19, 1 << 20);
            counts[0]++;
            counts[1] += count;
            source.position(source.limit());
            return count;
          }

          @Override
          public boolean isOpen() {
            return true;
          }

          @Override
          public void close() {}
        };
    try (DeltaChannel channel =
        new DeltaChannel((row, weights) -> {}, 16, WeightDtype.FLOAT32, WeightDtype.FLOAT32, out)) {
      for (int i = 0; i < rows; i++) {
        channel.write(ByteBuffer.allocate(64));
      }
      channel.flush();
    }
    assertThat(counts).containsExactly(4, 4L << 20);
  }
}
