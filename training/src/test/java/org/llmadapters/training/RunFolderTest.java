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
}
