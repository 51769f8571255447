package org.llmadapters.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.device.Device;
import org.llmadapters.training.optimizer.LearningRateSchedule;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;

final class RunDeviceTest {
  private static final RunDevice GPU = new RunDevice(SessionOptions.on(Device.gpu(1)));
  private static final RunDevice FOUR_CORES =
      new RunDevice(new SessionOptions(4, Device.CPU, OptionalInt.empty()));

  @TempDir private Path folder;

  private TrainingOptions options(int microBatchSize, Compile compile) {
    return new TrainingOptions(
        new TrainingOptions.Model(folder, false, Optional.empty(), Optional.empty()),
        new TrainingOptions.Data(folder, PromptTemplate.ALPACA, 8, false, 0),
        new TrainingOptions.Loop(
            microBatchSize, microBatchSize, 1, 1, true, 1, false, TrainingOptions.Rows.IN_ORDER),
        OptimizerConfig.defaults(),
        new TrainingOptions.Schedule(
            LearningRateSchedule.Kind.LINEAR, 1e-3, 0, 0, LearningRateSchedule.Ending.defaults()),
        new TrainingOptions.Output(
            folder,
            new TrainingOptions.Saving(1, 1),
            TrainingOptions.Watching.defaults(),
            false,
            OptionalLong.empty(),
            false),
        compile);
  }

  @ParameterizedTest
  @CsvSource({"8, 4", "6, 3", "3, 3", "7, 1", "1, 1"})
  void cutsAMicroBatchByCores(int rows, int replicas) {
    assertThat(FOUR_CORES.execution(options(rows, Compile.OFF), 9))
        .isEqualTo(new Execution(replicas, false, StepMemory.defaults()));
    assertThat(GPU.execution(options(rows, Compile.OFF), 9))
        .isEqualTo(new Execution(1, false, StepMemory.defaults()));
  }

  @ParameterizedTest
  @CsvSource({
    "AUTO, 59, false, true",
    "AUTO, 60, true, true",
    "ON, 1, true, true",
    "OFF, 99, false, false"
  })
  void compilesWhatIsWorthIt(Compile compile, long steps, boolean onCpu, boolean onGpu) {
    TrainingOptions options = options(4, compile);
    assertThat(FOUR_CORES.execution(options, steps).xla()).isEqualTo(onCpu);
    assertThat(GPU.execution(options, steps).xla()).isEqualTo(onGpu);
  }

  @Test
  void bitsAreThoseOfAKindOfDevice() {
    Execution one = new Execution(1, true);
    assertThat(GPU.identity(one)).isNotEqualTo(FOUR_CORES.identity(one));
    assertThat(new RunDevice(SessionOptions.on(Device.gpu(0))).identity(one))
        .isEqualTo(GPU.identity(one));
    // As it was before there was a choice: checkpoints of that time are gone on with.
    assertThat(FOUR_CORES.identity(one)).isEqualTo(one.toString());
  }

  @Test
  void saysThatARunChangesItsDevice() throws IOException {
    assertThat(GPU.change(folder)).isEmpty();
    about("{\"machine\": {\"cores\": 2}}");
    assertThat(GPU.change(folder)).as("a run of an earlier version").isEmpty();
    about("{\"machine\": {\"device\": \"cpu\"}}");
    assertThat(FOUR_CORES.change(folder)).isEmpty();
    assertThat(GPU.change(folder))
        .contains(
            folder
                + ": computed on cpu so far, goes on on gpu:1; losses will differ in their last"
                + " digits from those of a run that stays on one (--deterministic refuses that)");
    about("{\"machine\": {\"device\": \"gpu:0\"}}");
    assertThat(FOUR_CORES.change(folder).orElseThrow())
        .startsWith(folder + ": computed on gpu:0 so far, goes on on cpu;");
    assertThat(GPU.change(folder)).as("another GPU is the same kind").isEmpty();
  }

  private void about(String json) throws IOException {
    Files.writeString(folder.resolve("about.json"), json);
  }
}
