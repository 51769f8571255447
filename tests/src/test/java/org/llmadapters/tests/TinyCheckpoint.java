package org.llmadapters.tests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;

/** A random model as a Hugging Face checkpoint. */
final class TinyCheckpoint {
  private TinyCheckpoint() {}

  /** Writes a checkpoint of {@code config} with weights of {@code dtype} to {@code directory}. */
  static Path write(Path directory, ModelConfig config, WeightDtype dtype) throws IOException {
    return write(directory, config, dtype, Map.of());
  }

  /**
   * The same with some weights multiplied.
   *
   * @param factors by names
   */
  static Path write(
      Path directory, ModelConfig config, WeightDtype dtype, Map<String, Float> factors)
      throws IOException {
    Files.createDirectories(directory);
    Json.write(directory.resolve(HfConfig.FILE), HfConfig.toJson(config, dtype));
    List<Weight> weights = Architecture.build(config, dtype).weights();
    List<SafetensorsWriter.Entry> entries =
        weights.stream()
            .map(weight -> new SafetensorsWriter.Entry(weight.name(), dtype, weight.shape()))
            .toList();
    Random random = new Random(20240310);
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(
            directory.resolve("model.safetensors"), entries, SafetensorsWriter.METADATA)) {
      for (Weight weight : weights) {
        float[] values = values(weight, random);
        float factor = factors.getOrDefault(weight.name(), 1f);
        for (int i = 0; i < values.length; i++) {
          values[i] *= factor;
        }
        writer.write(weight.name(), values);
      }
      writer.commit();
    }
    return directory;
  }

  /** Norms are near 1; matrices keep the size of what they multiply. */
  private static float[] values(Weight weight, Random random) {
    boolean norm = weight.shape().size() == 1;
    long width = norm ? 25 : weight.shape().get(1);
    float[] values = new float[(int) weight.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) ((norm ? 1 : 0) + random.nextGaussian() / Math.sqrt((double) width));
    }
    return values;
  }
}
