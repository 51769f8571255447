package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.DeviceFlags;
import org.llmadapters.graph.compile.SessionOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench generate}: greedy generation of one batch, prompt included. */
@Command(
    name = "generate",
    description = "Measures greedy generation by a LLaMA with random weights.",
    sortOptions = false)
final class BenchGenerate implements Callable<Integer> {
  /** As many tokens at a time as {@code generate} asks for. */
  private static final int CHUNK = 16;

  private static final double GIGA = 1e9;

  @Spec private @Nullable CommandSpec spec;
  @Mixin private ModelFlags model = new ModelFlags();
  @Mixin private DeviceFlags device = new DeviceFlags();

  @Option(
      names = "--batch-size",
      split = ",",
      paramLabel = "ROWS,...",
      defaultValue = "1",
      description = "Rows; a result for each (default ${DEFAULT-VALUE}).")
  private List<Integer> batchSizes = List.of();

  @Option(
      names = "--prompt-length",
      defaultValue = "32",
      description = "Tokens of a prompt (default ${DEFAULT-VALUE}).")
  private int promptLength;

  @Option(
      names = "--max-new-tokens",
      defaultValue = "64",
      description = "Tokens to generate after it (default ${DEFAULT-VALUE}).")
  private int maxNewTokens;

  @Option(
      names = "--compile",
      defaultValue = "on",
      description = "XLA: on, off, or auto: on a GPU (default ${DEFAULT-VALUE}).")
  private String compile = "";

  @Option(
      names = "--repeats",
      defaultValue = "5",
      description = "Measured runs (default ${DEFAULT-VALUE}).")
  private int repeats;

  @Override
  public Integer call() throws IOException {
    SessionOptions session = device.session();
    double bandwidth = BenchDevice.bandwidth(session);
    long bytes = GenerationBenchmark.bytesPerToken(model.config(), model.dtype());
    boolean xla = Compile.of(compile).compiles(session.device());
    try (GenerationBenchmark benchmark =
        new GenerationBenchmark(model.config(), model.dtype(), xla, session)) {
      for (int rows : batchSizes) {
        ObjectNode json = BenchDevice.json("generate", session);
        model.addSizes(json);
        json.put("dtype", model.dtype().hfName());
        json.put("batch_size", rows);
        json.put("prompt_length", promptLength);
        json.put("max_new_tokens", maxNewTokens);
        json.put("xla", xla);
        measure(benchmark, rows, json);
        json.put("weight_bytes_per_token", bytes);
        json.put("gb_per_second", Timings.rounded(bandwidth / GIGA));
        json.put("bound_tokens_per_second", Timings.rounded(rows * bandwidth / bytes));
        BenchDevice.addMemory(json, session);
        Objects.requireNonNull(spec).commandLine().getOut().println(json);
      }
    }
    return 0;
  }

  private void measure(GenerationBenchmark benchmark, int rows, ObjectNode json)
      throws IOException {
    int[][] ids = randomPrompts(rows);
    int[][] mask = new int[rows][promptLength];
    Arrays.stream(mask).forEach(row -> Arrays.fill(row, 1));
    Timings.Work run =
        () ->
            benchmark
                .decoder()
                .generate(ids, mask, maxNewTokens, maxNewTokens, CHUNK, tokens -> true);
    json.put("first_run_ms", Timings.rounded(Timings.time(run)));
    Timings timings = new Timings();
    for (int i = 0; i < repeats; i++) {
      timings.measure(run);
    }
    timings.addTo(json, "run");
    json.put("tokens_per_second", Timings.rounded(rows * maxNewTokens / timings.median() * 1000));
  }

  private int[][] randomPrompts(int rows) {
    Random random = new Random(1);
    int[][] ids = new int[rows][promptLength];
    int vocabulary = model.config().sizes().vocabSize();
    for (int[] row : ids) {
      Arrays.setAll(row, i -> random.nextInt(vocabulary));
    }
    return ids;
  }
}
