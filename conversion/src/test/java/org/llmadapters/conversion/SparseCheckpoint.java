package org.llmadapters.conversion;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.WeightDtype;

/** A large float32 checkpoint of zeros that takes no room on a disk. */
final class SparseCheckpoint {
  private SparseCheckpoint() {}

  /** One layer; its embedding and its output layer are [vocabSize, hiddenSize]. */
  static Path write(Path directory, int vocabSize, int hiddenSize) throws IOException {
    Files.createDirectories(directory);
    ObjectNode config = Json.readObject(Golden.path("llama/base").resolve(HfConfig.FILE));
    config.put("vocab_size", vocabSize).put("hidden_size", hiddenSize).put("num_hidden_layers", 1);
    Json.write(directory.resolve(HfConfig.FILE), config);
    List<Weight> weights =
        Architecture.build(HfConfig.read(directory).model(), WeightDtype.FLOAT32).weights();

    ObjectNode header = Json.object();
    long offset = 0;
    for (Weight weight : weights) {
      ObjectNode tensor = header.putObject(weight.name());
      tensor.put("dtype", "F32");
      weight.shape().forEach(tensor.putArray("shape")::add);
      tensor.putArray("data_offsets").add(offset).add(offset + weight.bytes());
      offset += weight.bytes();
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    try (RandomAccessFile file =
        new RandomAccessFile(directory.resolve("model.safetensors").toFile(), "rw")) {
      file.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
      file.write(json);
      file.setLength(8 + json.length + offset);
    }
    return directory;
  }
}
