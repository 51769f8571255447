package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.llmadapters.tests.TinyRun.metrics;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.training.TrainingOptions;
import org.llmadapters.training.TrainingRun;
import org.llmadapters.training.optimizer.LearningRateSchedule;
import org.llmadapters.training.optimizer.OptimizerConfig;

/** A run on a disk that is too small, which is a file system in memory with a limit. */
final class DiskFullTest {
  @TempDir Path directory;

  private TinyRun tiny = new TinyRun(Path.of(""));

  private TrainingOptions options(Path output, boolean resume) {
    return new TrainingOptions(
        new TrainingOptions.Model(
            tiny.base(),
            false,
            Optional.of(new LoraConfig(3, 6, 0, TargetModules.of("q_proj", "down_proj"))),
            Optional.empty()),
        new TrainingOptions.Data(
            directory.resolve("short.jsonl"), PromptTemplate.ALPACA, 32, false, 4),
        new TrainingOptions.Loop(4, 4, 1, 6, true, 42, false, TrainingOptions.Rows.IN_ORDER),
        OptimizerConfig.defaults(),
        new TrainingOptions.Schedule(
            LearningRateSchedule.Kind.CONSTANT, 1e-2, 0, 0, LearningRateSchedule.Ending.defaults()),
        new TrainingOptions.Output(
            output,
            new TrainingOptions.Saving(2, 3),
            TrainingOptions.Watching.defaults(),
            resume,
            OptionalLong.empty(),
            false),
        Compile.OFF);
  }

  /** The limits let a run fail in its first checkpoint, in a later one, and in its result. */
  @Test
  void stopsWithWholeCheckpointsAndGoesOnWhenThereIsRoom() throws IOException {
    tiny = TinyRun.in(directory);
    tiny.writeShortData();
    Path whole = directory.resolve("whole");
    TrainingRun.run(options(whole, false));
    for (Limit limit :
        List.of(
            new Limit(16, "writing failed after step 2: ", "Whole checkpoints: none; "),
            new Limit(32, "writing failed after step 4: ", "Whole checkpoints: checkpoint-2; "),
            new Limit(80, "writing the result failed: ", "checkpoint-6 has all of it; "))) {
      Path rest = directory.resolve("rest-" + limit.kibibytes());
      try (FileSystem disk =
          Jimfs.newFileSystem(
              Configuration.unix().toBuilder()
                  .setBlockSize(1024)
                  .setMaxSize(limit.kibibytes() * 1024L)
                  .build())) {
        Path run = disk.getPath("/run");
        IOException failure =
            catchThrowableOfType(IOException.class, () -> TrainingRun.run(options(run, false)));
        assertThat(failure)
            .as(limit.toString())
            .hasMessageStartingWith("/run: " + limit.what())
            .hasMessageContaining("out of disk space")
            .hasMessageContaining(limit.checkpoints())
            .hasMessageContaining("make room");
        copy(run, rest);
      }
      TrainingRun.run(options(rest, true));
      assertThat(metrics(rest)).isEqualTo(metrics(whole));
      assertThat(rest.resolve("adapter_model.safetensors"))
          .hasSameBinaryContentAs(whole.resolve("adapter_model.safetensors"));
    }
  }

  private record Limit(int kibibytes, String what, String checkpoints) {}

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
  }
}
