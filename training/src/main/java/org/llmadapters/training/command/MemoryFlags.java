package org.llmadapters.training.command;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.SizeText;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.RegisteredDevice;
import org.llmadapters.graph.device.RegisteredDevices;
import org.llmadapters.training.RunMemory;
import org.llmadapters.training.TrainingOptions;
import org.llmadapters.training.memory.MemoryEstimate;
import org.llmadapters.training.memory.Room;
import org.llmadapters.training.step.StepMemory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** What takes less memory in training, named as in transformers, and how much it takes. */
final class MemoryFlags {
  private static final Logger log = LoggerFactory.getLogger(MemoryFlags.class);
  private static final double GIB = 1 << 30;

  @Option(
      names = "--gradient-checkpointing",
      description =
          "Keep only what each block reads and compute the block again for its gradients: less memory, about a third more work.")
  private boolean gradientCheckpointing;

  @Option(
      names = "--memory-estimate",
      description =
          "Print how much memory of a GPU the run would take, and do nothing else; loads no weights.")
  private boolean memoryEstimate;

  @Option(
      names = "--device-memory",
      paramLabel = "GIB",
      description = "With --memory-estimate: memory of the GPU, to see what would fit.")
  private @Nullable Double deviceMemory;

  @Option(
      names = "--skip-memory-check",
      description = "Run even if the memory of the GPU will probably not be enough.")
  private boolean skipMemoryCheck;

  /** The record of these flags. */
  StepMemory toMemory() {
    return new StepMemory(gradientCheckpointing, StepMemory.LOGITS_AT_ONCE);
  }

  /**
   * Whether the memory is only to be estimated.
   *
   * @throws IllegalArgumentException if a device's memory is given for nothing, or is none
   */
  boolean estimateOnly() {
    Double gibibytes = deviceMemory;
    if (gibibytes != null && !memoryEstimate) {
      throw new IllegalArgumentException(
          "--device-memory is for --memory-estimate; a run takes what the device has");
    }
    if (gibibytes != null && !(gibibytes > 0 && gibibytes < 1e6)) {
      throw new IllegalArgumentException("--device-memory must be GiB > 0, got " + gibibytes);
    }
    return memoryEstimate;
  }

  /** Prints the estimate, and what would fit if the run does not. */
  void print(TrainingOptions options, PrintWriter out) throws IOException {
    RunMemory memory = RunMemory.of(options);
    MemoryEstimate estimate = memory.estimate();
    out.println("memory of one device " + memory.shape());
    row(out, "weights", estimate.weights());
    row(out, "trained", estimate.trained());
    row(out, "optimizer", estimate.optimizer());
    row(out, "gradients", estimate.gradients());
    row(out, "activations", estimate.activations());
    row(out, "total", estimate.total());
    Double gibibytes = deviceMemory;
    if (gibibytes == null) {
      return;
    }
    long limit = (long) (gibibytes * GIB);
    if (estimate.total() <= limit) {
      out.println("fits into " + SizeText.bytes(limit));
      return;
    }
    List<Room.Alternative> alternatives = memory.alternatives(limit);
    out.println("does not fit into " + SizeText.bytes(limit) + "; " + Room.advice(alternatives));
  }

  /**
   * Says how much memory of a GPU the run will take; does nothing on the CPU.
   *
   * @throws IllegalArgumentException if it will probably not be enough, with what would be
   */
  void requireRoom(TrainingOptions options, SessionOptions session) throws IOException {
    OptionalLong limit = limit(session);
    if (limit.isEmpty()) {
      return;
    }
    RunMemory memory = RunMemory.of(options);
    MemoryEstimate estimate = memory.estimate();
    log.info(
        "device memory {}: about {} of {} ({})",
        memory.shape(),
        SizeText.bytes(estimate.total()),
        SizeText.bytes(limit.getAsLong()),
        RunMemory.describe(estimate));
    if (!skipMemoryCheck) {
      memory.requireFit(estimate, limit.getAsLong());
    }
  }

  private static OptionalLong limit(SessionOptions session) {
    return session.device().isGpu()
        ? RegisteredDevices.of(session.toProto()).devices().stream()
            .filter(device -> device.type().equals("GPU"))
            .mapToLong(RegisteredDevice::memoryLimit)
            .findFirst()
        : OptionalLong.empty();
  }

  private static void row(PrintWriter out, String name, long bytes) {
    out.printf("  %-12s %12s%n", name, SizeText.bytes(bytes));
  }
}
