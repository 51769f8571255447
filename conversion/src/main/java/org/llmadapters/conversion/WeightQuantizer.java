package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.quantize.Int8;
import org.llmadapters.graph.quantize.Nf4;
import org.llmadapters.graph.quantize.Quantization;
import org.llmadapters.graph.savedmodel.TensorBundleWriter;

/**
 * Writes the variables of {@link Quantization#variables} for weights that stream by. Holds the
 * magnitudes of one weight, a 64th of it, and no more.
 */
final class WeightQuantizer {
  private final Quantization quantization;
  private final Path file;
  private final TensorBundleWriter bundle;

  /**
   * @param file the weights come from
   */
  WeightQuantizer(Quantization quantization, Path file, TensorBundleWriter bundle) {
    this.quantization = quantization;
    this.file = file;
    this.bundle = bundle;
  }

  /**
   * Adds the variables that stand for {@code weight}.
   *
   * @param source writes all elements as float32, little-endian, row-major
   * @throws FormatException if one of them is no finite number
   */
  void add(Weight weight, TensorBundleWriter.Source source) throws IOException {
    List<Weight> variables = quantization.variables(weight);
    float[][] magnitudes = new float[1][];
    write(
        variables.get(0),
        out -> {
          QuantizingChannel codes = new QuantizingChannel(weight, quantization, file, out);
          source.writeTo(codes);
          magnitudes[0] = codes.finish();
        });
    switch (quantization) {
      case INT8 -> addScales(variables.get(1), magnitudes[0]);
      case NF4 -> addMagnitudes(variables, magnitudes[0]);
    }
  }

  private void addScales(Weight variable, float[] magnitudes) throws IOException {
    float[] scales = new float[magnitudes.length];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = magnitudes[i] / Int8.LARGEST;
    }
    write(variable, out -> writeAll(scales, out));
  }

  /** Codes, steps and mean of the magnitudes. The last group is filled up with the mean. */
  private void addMagnitudes(List<Weight> variables, float[] magnitudes) throws IOException {
    double sum = 0;
    for (float magnitude : magnitudes) {
      sum += magnitude;
    }
    float mean = (float) (sum / magnitudes.length);
    int groups = (magnitudes.length + Nf4.GROUP - 1) / Nf4.GROUP;
    byte[] codes = new byte[groups * Nf4.GROUP];
    Arrays.fill(codes, (byte) Int8.ZERO);
    float[] steps = new float[groups];
    for (int group = 0; group < groups; group++) {
      int from = group * Nf4.GROUP;
      int to = Math.min(magnitudes.length, from + Nf4.GROUP);
      float largest = 0;
      for (int i = from; i < to; i++) {
        largest = Math.max(largest, Math.abs(magnitudes[i] - mean));
      }
      steps[group] = largest / Int8.LARGEST;
      for (int i = from; i < to && largest > 0; i++) {
        double scaled = (magnitudes[i] - mean) * (double) Int8.LARGEST / largest;
        codes[i] = (byte) (Int8.ZERO + Math.round(scaled));
      }
    }
    write(variables.get(1), out -> writeAll(ByteBuffer.wrap(codes), out));
    write(variables.get(2), out -> writeAll(steps, out));
    write(variables.get(3), out -> writeAll(new float[] {mean}, out));
  }

  private void write(Weight variable, TensorBundleWriter.Source source) throws IOException {
    bundle.add(variable.name(), variable.dtype().dataType(), variable.shape(), source);
  }

  private static void writeAll(float[] values, WritableByteChannel out) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    writeAll(bytes, out);
  }

  private static void writeAll(ByteBuffer bytes, WritableByteChannel out) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
