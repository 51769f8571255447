package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.math.IntMath;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.DeviceFlags;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.training.data.Example;
import org.llmadapters.training.memory.MemoryEstimate;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.StepShape;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.UpdateRate;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code bench train}: the whole LoRA step, forward, backward, clipping and AdamW. */
@Command(
    name = "train",
    description = "Measures the training step of a LoRA adapter on a LLaMA with random weights.",
    sortOptions = false)
final class BenchTrain implements Callable<Integer> {
  private static final int WARM_UP = 3;
  private static final double GIGA = 1e9;

  @Spec private @Nullable CommandSpec spec;
  @Mixin private ModelFlags model = new ModelFlags();
  @Mixin private DeviceFlags device = new DeviceFlags();

  @Option(
      names = "--batch-size",
      defaultValue = "4",
      description = "Rows (default ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--sequence-length",
      defaultValue = "128",
      description = "Tokens in a row (default ${DEFAULT-VALUE}).")
  private int sequenceLength;

  @Option(
      names = "--shapes",
      split = ",",
      paramLabel = "ROWSxTOKENS,...",
      converter = ShapeConverter.class,
      description = "Several shapes of batches in place of these two, a result for each.")
  private @Nullable List<StepShape> shapes;

  @Option(
      names = "--document-length",
      paramLabel = "TOKENS",
      description =
          "Length of the examples: a row holds one and padding, or with --packing as many as fit (default: the row's).")
  private @Nullable Integer documentLength;

  @Option(names = "--packing", description = "Several examples to a row; see --document-length.")
  private boolean packing;

  @Option(
      names = {"--r", "--lora-r"},
      defaultValue = "8",
      description = "Rank of LoRA (default ${DEFAULT-VALUE}).")
  private int r;

  @Option(
      names = "--target-modules",
      split = ",",
      paramLabel = "NAME,...",
      defaultValue = "q_proj,v_proj",
      description = "Modules that LoRA is put on (default ${DEFAULT-VALUE}).")
  private List<String> targetModules = List.of();

  @Option(
      names = "--compile",
      defaultValue = "on",
      description = "XLA: on, off, or auto: on a GPU (default ${DEFAULT-VALUE}).")
  private String compile = "";

  @Option(
      names = "--replicas",
      defaultValue = "0",
      description =
          "Parts of the batch that run side by side (default: as many as cores; one on a GPU).")
  private int replicas;

  @Option(
      names = "--gradient-checkpointing",
      description = "Compute the blocks again in the backward pass.")
  private boolean gradientCheckpointing;

  @Option(
      names = "--steps",
      defaultValue = "30",
      description = "Measured steps (default ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--peak-gflops",
      paramLabel = "GFLOPS",
      description =
          "Rate of matrix products that mfu refers to (default: measured, as bench matmul does).")
  private @Nullable Double peakGflops;

  @Option(
      names = "--memory-estimate",
      description = "Print how much memory of a device a step would take, and measure nothing.")
  private boolean memoryEstimate;

  /** Reads {@code 8x512}. */
  static final class ShapeConverter implements ITypeConverter<StepShape> {
    @Override
    public StepShape convert(String text) {
      if (!text.matches("[1-9]\\d{0,5}x[1-9]\\d{0,5}")) {
        throw new TypeConversionException("a shape is ROWSxTOKENS such as 8x512, got " + text);
      }
      String[] sizes = text.split("x", -1);
      return new StepShape(Integer.parseInt(sizes[0]), Integer.parseInt(sizes[1]));
    }
  }

  @Override
  public Integer call() throws IOException {
    if (steps < 1) {
      throw new IllegalArgumentException("--steps must be >= 1, got " + steps);
    }
    List<StepShape> measured =
        shapes == null ? List.of(new StepShape(batchSize, sequenceLength)) : shapes;
    requireDocuments(measured);
    Compile compiling = Compile.of(compile);
    LoraConfig lora =
        new LoraConfig(r, 2.0 * r, 0, TargetModules.of(targetModules.toArray(String[]::new)));
    if (memoryEstimate) {
      measured.forEach(shape -> estimate(lora, shape, compiling != Compile.OFF));
      return 0;
    }
    SessionOptions session = device.session();
    boolean xla = compiling.compiles(session.device());
    if (session.device().isGpu() && replicas > 1) {
      throw new IllegalArgumentException(
          "--replicas is for the cores of a CPU; a batch on " + session.device() + " is not cut");
    }
    double peak =
        peakGflops == null
            ? BenchDevice.peakProducts(session, model.format().dtype())
            : peakGflops * GIGA;
    int parts = parts(session, measured);
    try (StepBenchmark benchmark =
        StepBenchmark.lora(
            model.config(),
            model.format(),
            lora,
            packing,
            session,
            new Execution(parts, xla, memory()))) {
      for (StepShape shape : measured) {
        ObjectNode json = BenchDevice.json("train", session);
        model.addSizes(json);
        addTask(json, shape, xla);
        json.put("replicas", parts);
        json.put("estimated_memory_mib", benchmark.memory(shape).total() >> 20);
        measure(benchmark, shape, peak, json);
        json.put("programs", xla ? benchmark.step().shapes() : 0);
        BenchDevice.addMemory(json, session);
        Objects.requireNonNull(spec).commandLine().getOut().println(json);
      }
    }
    return 0;
  }

  private void addTask(ObjectNode json, StepShape shape, boolean xla) {
    json.put("dtype", model.formatName());
    json.put("batch_size", shape.batch());
    json.put("sequence_length", shape.length());
    json.put("lora_r", r);
    json.put("target_modules", String.join(",", targetModules));
    json.put("xla", xla);
    json.put("gradient_checkpointing", gradientCheckpointing);
    json.put("document_length", documentLength(shape));
    json.put("packing", packing);
  }

  /** Prints what a step on one device would take; makes no weights. */
  private void estimate(LoraConfig lora, StepShape shape, boolean xla) {
    MemoryEstimate estimate =
        StepBenchmark.memory(
            model.config(), model.format(), lora, new Execution(1, xla, memory()), shape);
    ObjectNode json = Json.object();
    json.put("bench", "memory");
    model.addSizes(json);
    addTask(json, shape, xla);
    json.put("weights_mib", estimate.weights() >> 20);
    json.put("trained_mib", estimate.trained() >> 20);
    json.put("optimizer_mib", estimate.optimizer() >> 20);
    json.put("gradients_mib", estimate.gradients() >> 20);
    json.put("activations_mib", estimate.activations() >> 20);
    json.put("total_mib", estimate.total() >> 20);
    Objects.requireNonNull(spec).commandLine().getOut().println(json);
  }

  private void measure(StepBenchmark benchmark, StepShape shape, double peak, ObjectNode json)
      throws IOException {
    UpdateRate rate = new UpdateRate(1, 1e-4);
    long tokens = (long) shape.batch() * documents(shape) * documentLength(shape);
    try (TokenBatch batch = randomBatch(shape)) {
      double first = Timings.time(() -> benchmark.step().step(batch, rate));
      for (int i = 0; i < Math.min(WARM_UP, steps); i++) {
        benchmark.step().step(batch, rate);
      }
      Timings timings = new Timings();
      for (int i = 0; i < steps; i++) {
        timings.measure(() -> benchmark.step().step(batch, rate));
      }
      double median = timings.median();
      double achieved = benchmark.flops(shape) / median * 1000;
      json.put("first_step_ms", Timings.rounded(first));
      json.put("compile_ms", Timings.rounded(first - median));
      timings.addTo(json, "step");
      json.put("tokens_per_second", Math.round(tokens / median * 1000));
      json.put("flops_per_step", benchmark.flops(shape));
      json.put("gflops", Timings.rounded(achieved / GIGA));
      json.put("peak_gflops", Timings.rounded(peak / GIGA));
      json.put("mfu", Math.round(achieved / peak * 1e4) / 1e4);
    }
  }

  /** Parts that all batches can be cut into. */
  private int parts(SessionOptions session, List<StepShape> shapes) {
    if (replicas > 0) {
      return replicas;
    }
    return session.partsOf(shapes.stream().mapToInt(StepShape::batch).reduce(0, IntMath::gcd));
  }

  private StepMemory memory() {
    return new StepMemory(gradientCheckpointing, StepMemory.LOGITS_AT_ONCE);
  }

  /** A row must hold one of its examples at least, and more than one only if it is packed. */
  private void requireDocuments(List<StepShape> measured) {
    for (StepShape shape : measured) {
      if (documentLength(shape) < 2 || documentLength(shape) > shape.length()) {
        throw new IllegalArgumentException(
            "--document-length must be from 2 to the "
                + shape.length()
                + " tokens of a row, got "
                + documentLength(shape));
      }
    }
  }

  private int documentLength(StepShape shape) {
    return documentLength == null ? shape.length() : documentLength;
  }

  /** Examples in a row. */
  private int documents(StepShape shape) {
    return packing ? shape.length() / documentLength(shape) : 1;
  }

  /** Padding has mask 0; else the mask is the number of the example, if they are packed. */
  private TokenBatch randomBatch(StepShape shape) {
    Random random = new Random(1);
    int vocabulary = model.config().sizes().vocabSize();
    int[][] ids = new int[shape.batch()][shape.length()];
    int[][] mask = new int[shape.batch()][shape.length()];
    int[][] labels = new int[shape.batch()][shape.length()];
    for (int row = 0; row < shape.batch(); row++) {
      Arrays.fill(labels[row], Example.IGNORED_LABEL);
      for (int i = 0; i < documents(shape) * documentLength(shape); i++) {
        ids[row][i] = random.nextInt(vocabulary);
        mask[row][i] = 1 + i / documentLength(shape);
        if (i % documentLength(shape) > 0) {
          labels[row][i] = ids[row][i];
        }
      }
    }
    return TokenBatch.of(ids, mask, labels, 1);
  }
}
