package org.llmadapters.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RunFolderTest {
  @TempDir Path folder;

  @Test
  void deletesWhatFullTrainingWrote() throws IOException {
    for (String file :
        new String[] {
          "run.json",
          "config.json",
          "model-00001-of-00002.safetensors",
          "model-00002-of-00002.safetensors",
          "model.safetensors.index.json"
        }) {
      Files.createFile(folder.resolve(file));
    }
    RunFolder.clear(folder);
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void deletesNothingIfThereIsAnythingElse() throws IOException {
    Files.createFile(folder.resolve("run.json"));
    Files.createFile(folder.resolve("model-1-of-2.safetensors"));
    assertThatThrownBy(() -> RunFolder.clear(folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            folder
                + ": holds model-1-of-2.safetensors, which no training run wrote; nothing was"
                + " deleted. Name another folder");
    assertThat(folder.resolve("run.json")).exists();
  }

  @Test
  void deletesWhatAKilledProcessLeftAndNothingElse() throws IOException {
    Files.createFile(folder.resolve("run.json"));
    Files.createDirectory(folder.resolve("checkpoint-4"));
    Path half = Files.createDirectory(folder.resolve("checkpoint-6.partial-0a1b2c3d"));
    Files.createFile(half.resolve("state.safetensors"));
    Files.createFile(folder.resolve("metrics.jsonl.partial-0a1b2c3d"));
    Files.createFile(folder.resolve("notes.partial-0a1b2c3d"));
    Files.createFile(folder.resolve("run.json.partial-of-mine"));
    RunFolder.deletePartial(folder);
    assertThat(folder.toFile().list())
        .containsExactlyInAnyOrder(
            "run.json", "checkpoint-4", "notes.partial-0a1b2c3d", "run.json.partial-of-mine");
  }

  @Test
  void overwritingDeletesWhatAKilledProcessLeft() throws IOException {
    Files.createFile(folder.resolve("run.json"));
    Files.createDirectory(folder.resolve("checkpoint-6.partial-0a1b2c3d"));
    RunFolder.clear(folder);
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aFolderOfSomethingElseIsNotGoneOnIn() throws IOException {
    Files.createFile(folder.resolve("adapter_config.json"));
    assertThatThrownBy(() -> RunFolder.requireCheckpointOrRun(folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            folder
                + ": has no run.json, so no training run wrote it; nothing was deleted. Name"
                + " another folder");
    Files.createDirectory(folder.resolve("checkpoint-2"));
    RunFolder.requireCheckpointOrRun(folder);
  }
}
