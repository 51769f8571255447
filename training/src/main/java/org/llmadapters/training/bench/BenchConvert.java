package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.safetensors.SafetensorsWriter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.training.PeakMemory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench convert}: converting a checkpoint, against copying its file. */
@Command(
    name = "convert",
    description = "Measures conversion of a LLaMA with random weights against a plain file copy.",
    sortOptions = false)
final class BenchConvert implements Callable<Integer> {
  private static final int REPEATS = 3;
  private static final int BLOCK_BYTES = 1 << 20;
  private static final double MEGABYTE = 1e6;

  @Spec private @Nullable CommandSpec spec;
  @Mixin private ModelFlags model = new ModelFlags();

  @Option(
      names = "--size-mb",
      defaultValue = "0",
      description =
          "Take as many layers as make a checkpoint of this many MB, instead of --num-hidden-layers.")
  private int sizeMb;

  @Override
  public Integer call() throws IOException {
    ModelConfig config = sizeMb == 0 ? model.config() : ofSize();
    Path folder = Files.createTempDirectory("llm-adapters-bench");
    try {
      Path checkpoint = Files.createDirectory(folder.resolve("checkpoint"));
      Path weights = checkpoint.resolve("model.safetensors");
      writeCheckpoint(checkpoint, weights, config);
      Path converted = folder.resolve("converted");
      Path copy = folder.resolve("copy.safetensors");
      Timings conversions = new Timings();
      Timings copies = new Timings();
      for (int i = 0; i < REPEATS; i++) {
        conversions.measure(() -> Converter.convert(checkpoint, converted, false));
        delete(converted);
        copies.measure(() -> Files.copy(weights, copy, StandardCopyOption.REPLACE_EXISTING));
        Files.delete(copy);
      }
      report(Files.size(weights) / MEGABYTE, conversions, copies);
    } finally {
      delete(folder);
    }
    return 0;
  }

  private void report(double megabytes, Timings conversions, Timings copies) throws IOException {
    ObjectNode json = Json.object();
    json.put("bench", "convert");
    json.put("dtype", model.dtype().hfName());
    json.put("size_mb", Timings.rounded(megabytes));
    conversions.addTo(json, "convert");
    copies.addTo(json, "copy");
    json.put("convert_mb_per_second", Math.round(megabytes / conversions.median() * 1000));
    json.put("copy_mb_per_second", Math.round(megabytes / copies.median() * 1000));
    json.put("convert_to_copy_speed", Timings.rounded(copies.median() / conversions.median()));
    PeakMemory.mebibytes().ifPresent(mebibytes -> json.put("peak_rss_mib", mebibytes));
    Objects.requireNonNull(spec).commandLine().getOut().println(json);
  }

  private ModelConfig ofSize() {
    double one = megabytes(1);
    double layer = megabytes(2) - one;
    return model.config((int) Math.max(1, 1 + Math.round((sizeMb - one) / layer)));
  }

  private double megabytes(int layers) {
    List<Weight> weights = Architecture.build(model.config(layers), model.dtype()).weights();
    return weights.stream().mapToLong(Weight::bytes).sum() / MEGABYTE;
  }

  /** Random bytes as weights: what they stand for does not matter, they are never computed with. */
  private void writeCheckpoint(Path checkpoint, Path file, ModelConfig config) throws IOException {
    Json.write(checkpoint.resolve(HfConfig.FILE), HfConfig.toJson(config, model.dtype()));
    List<Weight> weights = Architecture.build(config, model.dtype()).weights();
    List<SafetensorsWriter.Entry> entries =
        weights.stream()
            .map(
                weight ->
                    new SafetensorsWriter.Entry(weight.name(), weight.dtype(), weight.shape()))
            .toList();
    byte[] block = new byte[BLOCK_BYTES];
    new Random(1).nextBytes(block);
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, entries, SafetensorsWriter.METADATA)) {
      for (Weight weight : weights) {
        writer.write(weight.name(), out -> repeat(block, weight.bytes(), out));
      }
      writer.commit();
    }
  }

  private static void repeat(byte[] block, long bytes, WritableByteChannel out) throws IOException {
    for (long left = bytes; left > 0; ) {
      ByteBuffer part = ByteBuffer.wrap(block, 0, (int) Math.min(block.length, left));
      left -= part.remaining();
      while (part.hasRemaining()) {
        out.write(part);
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    List<Path> deepestFirst;
    try (Stream<Path> paths = Files.walk(folder)) {
      deepestFirst = paths.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : deepestFirst) {
      Files.delete(path);
    }
  }
}
