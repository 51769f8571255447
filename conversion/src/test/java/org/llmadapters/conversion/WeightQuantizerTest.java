package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.quantize.Nf4;
import org.llmadapters.graph.quantize.Quantization;
import org.llmadapters.graph.savedmodel.TensorBundle;
import org.llmadapters.graph.savedmodel.TensorBundleWriter;

/** Codes, decoded here by their definition. */
final class WeightQuantizerTest {
  /** 18265 weights in 286 blocks, the last of 25, and so in two groups of magnitudes. */
  private static final Weight TWO_GROUPS =
      new Weight("w", WeightDtype.BFLOAT16, List.of(65L, 281L));

  @TempDir Path directory;

  /** The blocks of the second group are a thousand times as large. */
  private static float[] values() {
    Random random = new Random(2);
    float[] values = new float[65 * 281];
    for (int i = 0; i < values.length; i++) {
      boolean second = i >= Nf4.GROUP * Nf4.BLOCK;
      values[i] = (float) (random.nextGaussian() * (second ? 20 : 0.02));
    }
    return values;
  }

  private TensorBundle quantize(Weight weight, Quantization quantization, float[] values)
      throws IOException {
    Path prefix = directory.resolve("variables");
    try (TensorBundleWriter bundle =
        TensorBundleWriter.create(prefix, TensorBundleWriter.DEFAULT_SHARD_BYTES)) {
      new WeightQuantizer(quantization, Path.of("model.safetensors"), bundle)
          .add(weight, out -> writeInPieces(values, out));
      bundle.finish();
    }
    return TensorBundle.open(prefix);
  }

  /** Of 1001 bytes, which end within blocks, rows and numbers. */
  private static void writeInPieces(float[] values, WritableByteChannel out) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    for (int from = 0; from < bytes.capacity(); from += 1001) {
      out.write(bytes.slice(from, Math.min(1001, bytes.capacity() - from)));
    }
  }

  private static ByteBuffer bytes(TensorBundle bundle, String name) throws IOException {
    return bundle.read(bundle.entry(name));
  }

  private static float largest(float[] values, int from, int to) {
    float largest = 0;
    for (int i = from; i < Math.min(to, values.length); i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest;
  }

  /**
   * A magnitude is off by half a step of its own group, and rounding in float32; a weight is at the
   * nearest level.
   */
  @Test
  void eachGroupOf256BlocksHasAStepOfItsOwn() throws IOException {
    float[] values = values();
    TensorBundle bundle = quantize(TWO_GROUPS, Quantization.NF4, values);
    ByteBuffer codes = bytes(bundle, "w.codes");
    ByteBuffer magnitudes = bytes(bundle, "w.magnitudes");
    ByteBuffer steps = bytes(bundle, "w.magnitudes.steps");
    float mean = bytes(bundle, "w.magnitudes.mean").getFloat(0);
    assertThat(codes.capacity()).isEqualTo(286 * Nf4.BLOCK / 2);
    assertThat(magnitudes.capacity()).isEqualTo(2 * Nf4.GROUP);
    assertThat(steps.capacity()).isEqualTo(2 * Float.BYTES);
    assertThat(bundle.entry("w.codes").shape()).containsExactly(286L, 32L);

    float widest = 0;
    for (int group = 0; group < 2; group++) {
      float step = steps.getFloat(group * Float.BYTES);
      widest = Math.max(widest, step);
      for (int i = 0; i < Nf4.GROUP; i++) {
        int block = group * Nf4.GROUP + i;
        int code = Byte.toUnsignedInt(magnitudes.get(block));
        if (block >= 286) {
          assertThat(code).as("block %d, which is none", block).isEqualTo(128);
          continue;
        }
        float magnitude = largest(values, block * Nf4.BLOCK, (block + 1) * Nf4.BLOCK);
        float found = (code - 128) * step + mean;
        assertThat(Math.abs(found - magnitude))
            .as("magnitude of block %d", block)
            .isLessThanOrEqualTo(step * 0.5001f + 1e-6f * mean);
        for (int k = 0; k < Nf4.BLOCK; k++) {
          int at = block * Nf4.BLOCK + k;
          int pair = Byte.toUnsignedInt(codes.get(at / 2));
          float value = at < values.length ? values[at] : 0;
          assertThat(at % 2 == 0 ? pair >> 4 : pair & 15)
              .as("element %d", at)
              .isEqualTo(Nf4.code(value / magnitude));
        }
      }
    }
    assertThat(steps.getFloat(0)).as("the small group's step").isLessThan(widest / 2);
  }

  /** Two rows of unequal size, and one of zeros. */
  @Test
  void int8HasAScaleForEachRow() throws IOException {
    float[] values = {1.27f, -0.5f, 0.004f, 0, 0, 0, -254, 100, 1};
    Weight weight = new Weight("w", WeightDtype.BFLOAT16, List.of(3L, 3L));
    TensorBundle bundle = quantize(weight, Quantization.INT8, values);
    byte[] codes = bytes(bundle, "w.codes").array();
    // 128 + 100 * w in the first row, 128 + w / 2 in the last: half of 1 is rounded up.
    int[] expected = {255, 78, 128, 128, 128, 128, 1, 178, 129};
    for (int i = 0; i < codes.length; i++) {
      assertThat(Byte.toUnsignedInt(codes[i])).as("code %d", i).isEqualTo(expected[i]);
    }
    ByteBuffer scales = bytes(bundle, "w.scales");
    assertThat(new float[] {scales.getFloat(0), scales.getFloat(4), scales.getFloat(8)})
        .containsExactly(1.27f / 127, 0, 2);
  }

  @Test
  void rejectsWeightsThatAreNoNumbers() {
    for (Quantization quantization : Quantization.values()) {
      float[] values = values();
      values[18000] = Float.NaN;
      assertThatThrownBy(() -> quantize(TWO_GROUPS, quantization, values))
          .isInstanceOf(FormatException.class)
          .hasMessage("model.safetensors: w: one of the weights is NaN, which no code stands for");
    }
  }
}
