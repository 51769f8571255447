package org.llmadapters.conversion.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.safetensors.SafetensorsFile;

/** An exported model in a process that has TensorFlow's jars and nothing of this project. */
final class PlainTensorFlowTest {
  private static final List<String> JARS =
      List.of("tensorflow-core-", "ndarray-", "javacpp-", "protobuf-java-");

  @TempDir Path directory;
  private Path servable;

  @BeforeEach
  void export() throws IOException {
    Path checkpoint = Golden.checkpoint("llama/base", directory.resolve("checkpoint"), null);
    Converter.convert(checkpoint, directory.resolve("base"), false);
    servable =
        ServingExport.export(
                new ExportConfig(
                    directory.resolve("base"),
                    Optional.of(Golden.path("llama/adapters/lora")),
                    directory.resolve("models/tiny"),
                    1,
                    false,
                    false,
                    false))
            .directory();
  }

  @Test
  void givesTheAdaptersLogits() throws Exception {
    try (SafetensorsFile golden = Golden.values("llama/adapters/lora")) {
      long[] mask = golden.readLongs("left.attention_mask");
      List<String> lines =
          run(
              "serving_default",
              String.valueOf(Golden.rows(golden, "left")),
              joined(golden.readLongs("left.input_ids")),
              joined(mask));
      float[] logits = new float[lines.size()];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = Float.parseFloat(lines.get(i));
      }
      Golden.assertClose(logits, golden.readFloats("left.logits"), mask, Golden.TOLERANCE);
    }
  }

  @Test
  void generatesTheAdaptersSequences() throws Exception {
    try (SafetensorsFile golden = Golden.values("llama/adapters/lora")) {
      List<String> lines =
          run(
              "generate",
              String.valueOf(Golden.rows(golden, "gen")),
              joined(golden.readLongs("gen.input_ids")),
              joined(golden.readLongs("gen.attention_mask")),
              "16");
      assertThat(lines.stream().mapToLong(Long::parseLong).toArray())
          .isEqualTo(golden.readLongs("gen.greedy.sequences"));
    }
  }

  private static String joined(long[] values) {
    return LongStream.of(values).mapToObj(Long::toString).collect(Collectors.joining(","));
  }

  private List<String> run(String... arguments)
      throws IOException, InterruptedException, URISyntaxException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-cp",
                tensorFlowJars(),
                Path.of(
                        Objects.requireNonNull(
                                PlainTensorFlowTest.class.getResource("/Loader.java"))
                            .toURI())
                    .toString(),
                servable.toString()));
    command.addAll(Arrays.asList(arguments));
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    int code =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start()
            .waitFor();
    assertThat(code).as(() -> contents(err)).isZero();
    return Files.readAllLines(out);
  }

  private static String contents(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static String tensorFlowJars() {
    String jars =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
            .filter(
                entry ->
                    JARS.stream()
                        .anyMatch(jar -> Path.of(entry).getFileName().toString().startsWith(jar)))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(jars).contains("tensorflow-core-api", "tensorflow-core-native", "protobuf-java");
    return jars;
  }
}
