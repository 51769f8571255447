package org.llmadapters.training;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.Device;
import org.llmadapters.training.report.RunReport;
import org.llmadapters.training.step.ReplicatedFunction;

/**
 * What a run computes on, and what follows from it.
 *
 * @param session the sessions of the run
 */
record RunDevice(SessionOptions session) {
  /** Updates below which compiling for a CPU costs more than it saves. */
  private static final long WORTH_COMPILING = 60;

  /** How the steps of a run of {@code options} are run. */
  ReplicatedFunction.Execution execution(TrainingOptions options, long steps) {
    return new ReplicatedFunction.Execution(
        session.partsOf(options.loop().microBatchSize()),
        isCompiled(options, steps),
        options.memory());
  }

  private boolean isCompiled(TrainingOptions options, long steps) {
    return switch (options.compile()) {
      case ON -> true;
      case OFF -> false;
      case AUTO -> session.device().isGpu() || steps >= WORTH_COMPILING;
    };
  }

  /**
   * What decides the bits of a result besides the options: another number of replicas adds the same
   * gradients in another order, and so does another kind of device.
   */
  String identity(ReplicatedFunction.Execution execution) {
    return session.device().isGpu() ? execution + " on a GPU" : execution.toString();
  }

  /** What to say if the run in {@code folder}, which is gone on with, was on another kind. */
  Optional<String> change(Path folder) throws IOException {
    return recorded(folder)
        .filter(before -> before.equals(Device.CPU.toString()) == session.device().isGpu())
        .map(
            before ->
                folder
                    + ": computed on "
                    + before
                    + " so far, goes on on "
                    + session.device()
                    + "; losses will differ in their last digits from those of a run that stays on"
                    + " one (--deterministic refuses that)");
  }

  /** The device in {@code about.json}; empty if there is none, or none that can be read. */
  private static Optional<String> recorded(Path folder) throws IOException {
    Path about = folder.resolve(RunReport.ABOUT);
    if (!Files.isRegularFile(about)) {
      return Optional.empty();
    }
    JsonNode device = Json.readObject(about).path("machine").path("device");
    return Optional.of(device.asText()).filter(text -> text.matches("cpu|gpu:[0-9]{1,4}"));
  }
}
