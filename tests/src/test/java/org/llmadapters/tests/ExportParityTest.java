package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.tests.Parity.ACTIVATIONS;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.export.ExportConfig;
import org.llmadapters.conversion.export.ServingExport;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.ndarray.StdArrays;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;

/**
 * Exported models of every family, in TensorFlow's own loader, against the logits and the greedy
 * sequences of Hugging Face; bare, with an adapter beside the weights, and with one merged.
 */
final class ExportParityTest {
  private static final int NEW_TOKENS = 16;

  @TempDir Path directory;

  static List<String> families() {
    return Golden.directories("");
  }

  static Stream<Arguments> adapted() {
    return families().stream()
        .filter(family -> Golden.directories(family).contains("adapters"))
        .flatMap(family -> Stream.of(Arguments.of(family, false), Arguments.of(family, true)));
  }

  /** The base SavedModel of a golden checkpoint whose end token is taken away. */
  private Path base(String family) throws IOException {
    Path base = directory.resolve("base");
    Converter.convert(Parity.checkpointWithoutEnd(directory, family), base, false);
    return base;
  }

  @ParameterizedTest
  @MethodSource("families")
  void theBareModelHasTheLogitsAndSequences(String family) throws IOException {
    check(family, family, Optional.empty(), false);
  }

  @ParameterizedTest
  @MethodSource("adapted")
  void theAdaptedModelHasTheLogitsAndSequences(String family, boolean merge) throws IOException {
    String adapter = family + "/adapters/lora";
    check(family, adapter, Optional.of(Golden.path(adapter)), merge);
  }

  /** Bottlenecks cannot be merged; weights that are trained whole replace the base's. */
  @ParameterizedTest
  @CsvSource({
    "llama, lla-adapterh",
    "llama, lla-parallel",
    "opt, lla-adapterp",
    "bloom, lla-adapterh",
    "opt, lla-adapterh-bias",
    "llama, lora-mts"
  })
  void theModelWithAnAdapterBesideItHasTheLogitsAndSequences(String family, String name)
      throws IOException {
    String adapter = family + "/adapters/" + name;
    check(family, adapter, Optional.of(Golden.path(adapter)), false);
  }

  private void check(String family, String values, Optional<Path> adapter, boolean merge)
      throws IOException {
    Path target = directory.resolve("models/tiny");
    Path exported =
        ServingExport.export(
                new ExportConfig(base(family), adapter, target, 1, merge, merge, false))
            .directory();
    try (SavedModelBundle model = SavedModelBundle.load(exported.toString(), "serve");
        Golden golden = Golden.open(values);
        Golden generation = Golden.open(values + "/generation")) {
      int[][] mask = golden.matrix("right.attention_mask");
      try (TInt32 ids = tensor(golden.matrix("right.input_ids"));
          TInt32 real = tensor(mask);
          Result result =
              model
                  .function("serving_default")
                  .call(Map.of("input_ids", ids, "attention_mask", real))) {
        TFloat32 logits = (TFloat32) result.get("logits").orElseThrow();
        float[] actual = new float[Math.toIntExact(logits.size())];
        logits.copyTo(DataBuffers.of(actual, false, false));
        Golden.assertCloseAtTokens(
            "logits", actual, golden.floats("right.logits"), mask, ACTIVATIONS);
      }
      try (TInt32 ids = tensor(generation.matrix("gen.input_ids"));
          TInt32 real = tensor(generation.matrix("gen.attention_mask"));
          TInt32 limit = TInt32.scalarOf(NEW_TOKENS);
          Result result =
              model
                  .function("generate")
                  .call(
                      Map.of("input_ids", ids, "attention_mask", real, "max_new_tokens", limit))) {
        TInt32 output = (TInt32) result.get("output_ids").orElseThrow();
        int[] actual = new int[Math.toIntExact(output.size())];
        output.copyTo(DataBuffers.of(actual, false, false));
        assertThat(actual)
            .isEqualTo(
                Arrays.stream(generation.matrix("gen.greedy.sequences"))
                    .flatMapToInt(Arrays::stream)
                    .toArray());
      }
    }
  }

  private static TInt32 tensor(int[][] values) {
    return TInt32.tensorOf(StdArrays.ndCopyOf(values));
  }
}
