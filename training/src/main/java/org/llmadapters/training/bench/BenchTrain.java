package org.llmadapters.training.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.eval.DeviceFlags;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.training.PeakMemory;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.UpdateRate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench train}: the whole LoRA step, forward, backward, clipping and AdamW. */
@Command(
    name = "train",
    description = "Measures the training step of a LoRA adapter on a LLaMA with random weights.",
    sortOptions = false)
final class BenchTrain implements Callable<Integer> {
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
      names = "--r",
      defaultValue = "8",
      description = "Rank of LoRA on q_proj and v_proj (default ${DEFAULT-VALUE}).")
  private int r;

  @Option(
      names = "--compile",
      defaultValue = "on",
      description = "XLA: on or off (default ${DEFAULT-VALUE}).")
  private String compile = "";

  @Option(
      names = "--replicas",
      defaultValue = "0",
      description = "Parts of the batch that run side by side (default: cores; 1 on a GPU).")
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

  @Override
  public Integer call() throws IOException {
    SessionOptions session = device.session();
    if (session.device().isGpu() && replicas > 1) {
      throw new IllegalArgumentException(
          "--replicas is for the cores of a CPU; a batch on " + session.device() + " is not cut");
    }
    int parts = replicas == 0 ? Math.min(batchSize, session.replicas()) : replicas;
    boolean xla = compile.equals("on");
    ObjectNode json = Json.object();
    json.put("bench", "train");
    json.put("dtype", model.formatName());
    json.put("batch_size", batchSize);
    json.put("sequence_length", sequenceLength);
    json.put("device", session.device().toString());
    json.put("xla", xla);
    json.put("replicas", parts);
    json.put("gradient_checkpointing", gradientCheckpointing);
    try (StepBenchmark benchmark =
            StepBenchmark.lora(
                model.config(), model.format(), r, new Execution(parts, xla, memory()), session);
        TokenBatch batch = randomBatch()) {
      UpdateRate rate = new UpdateRate(1, 1e-4);
      json.put(
          "first_step_ms", Timings.rounded(Timings.time(() -> benchmark.step().step(batch, rate))));
      for (int i = 0; i < 3; i++) {
        benchmark.step().step(batch, rate);
      }
      Timings timings = new Timings();
      for (int i = 0; i < steps; i++) {
        timings.measure(() -> benchmark.step().step(batch, rate));
      }
      timings.addTo(json, "step");
      json.put(
          "tokens_per_second", Math.round(batchSize * sequenceLength / timings.median() * 1000));
    }
    PeakMemory.mebibytes().ifPresent(mebibytes -> json.put("peak_rss_mib", mebibytes));
    Objects.requireNonNull(spec).commandLine().getOut().println(json);
    return 0;
  }

  private StepMemory memory() {
    return new StepMemory(gradientCheckpointing, StepMemory.LOGITS_AT_ONCE);
  }

  private TokenBatch randomBatch() {
    Random random = new Random(1);
    int[][] ids = new int[batchSize][sequenceLength];
    int[][] mask = new int[batchSize][sequenceLength];
    for (int row = 0; row < batchSize; row++) {
      Arrays.fill(mask[row], 1);
      for (int i = 0; i < sequenceLength; i++) {
        ids[row][i] = random.nextInt(model.config().sizes().vocabSize());
      }
    }
    return TokenBatch.of(ids, mask, ids, 1);
  }
}
