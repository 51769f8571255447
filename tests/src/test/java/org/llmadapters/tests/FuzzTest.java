package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.FormatException;

/**
 * Damaged checkpoints, 2,100 of them, the same in every run. Each must be converted to a model that
 * opens, or be refused with an error that names a file of the checkpoint; with bounded memory and
 * time, no output left behind, and nothing written beside it.
 */
final class FuzzTest {
  /** The largest honest need: a graph of as many layers as a damaged number may ask for. */
  private static final long MAX_ALLOCATED_BYTES = 3L << 30;

  private static final long MAX_MILLIS = 30_000;

  @TempDir Path directory;

  private Path checkpoint = Path.of("");

  /** A damage to one file of the checkpoint. */
  @FunctionalInterface
  private interface Damage {
    byte[] to(byte[] file) throws IOException;
  }

  private void copy(Path golden) throws IOException {
    checkpoint = Files.createDirectory(directory.resolve("checkpoint"));
    try (Stream<Path> files = Files.list(golden)) {
      for (Path file : files.toList()) {
        Files.copy(file, checkpoint.resolve(file.getFileName().toString()));
      }
    }
  }

  private void convertDamaged(String name, int times, Damage damage) throws IOException {
    Path file = checkpoint.resolve(name);
    byte[] whole = Files.readAllBytes(file);
    Path output = directory.resolve("output");
    int refused = 0;
    for (int i = 0; i < times; i++) {
      Files.write(file, damage.to(whole));
      boolean converted =
          bounded(name + " " + i, () -> Converter.convert(checkpoint, output, true));
      refused += converted ? 0 : 1;
      if (Files.exists(output)) {
        // Whole, be it of this turn or of an earlier one.
        BaseModel.open(output);
      }
      try (Stream<Path> entries = Files.list(directory)) {
        assertThat(entries.map(Path::getFileName).map(String::valueOf))
            .isSubsetOf("checkpoint", "output");
      }
    }
    assertThat(refused).as("refused").isPositive();
  }

  @FunctionalInterface
  private interface Work {
    void run() throws IOException;
  }

  /** Whether the work succeeded; it may be refused, but nothing else. */
  private boolean bounded(String what, Work work) throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = threads.getCurrentThreadAllocatedBytes();
    long start = System.nanoTime();
    boolean succeeded = true;
    try {
      work.run();
    } catch (FormatException e) {
      succeeded = false;
      assertThat(e).as(what).hasMessageContaining(directory.toString());
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - allocated)
        .as("%s: allocated bytes", what)
        .isLessThan(MAX_ALLOCATED_BYTES);
    assertThat((System.nanoTime() - start) / 1_000_000)
        .as("%s: milliseconds", what)
        .isLessThan(MAX_MILLIS);
    return succeeded;
  }

  static List<String> families() {
    return Golden.directories("");
  }

  @ParameterizedTest
  @MethodSource("families")
  void configurations(String family) throws IOException {
    Path golden = Golden.path(family + "/base");
    copy(golden);
    convertDamaged("config.json", 50, new Mutations(1)::ofJson);
    restore(golden, "config.json");
    convertDamaged("config.json", 10, new Mutations(2)::ofBytes);
  }

  private void restore(Path golden, String name) throws IOException {
    Files.copy(golden.resolve(name), checkpoint.resolve(name), StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void safetensorsHeaders() throws IOException {
    Path golden = Golden.path("llama/base");
    copy(golden);
    convertDamaged("model.safetensors", 300, new Mutations(3)::ofSafetensorsHeader);
    restore(golden, "model.safetensors");
    convertDamaged("model.safetensors", 200, new Mutations(4)::ofBytes);
  }

  @Test
  void indexes() throws IOException {
    copy(Golden.path("bloom/base-sharded"));
    convertDamaged("model.safetensors.index.json", 300, new Mutations(5)::ofJson);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gptj/base-bin", "bloom/base-fp16-bin"})
  void pickles(String golden) throws IOException {
    copy(Golden.path(golden));
    convertDamaged("pytorch_model.bin", 200, new Mutations(6)::ofBytes);
  }
}
