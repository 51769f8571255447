package org.llmadapters.conversion.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class OutputDirectoryTest {
  @TempDir Path directory;

  @Test
  void appearsOnlyOnCommit() throws IOException {
    Path target = directory.resolve("a/b");
    try (OutputDirectory output = OutputDirectory.create(target, false)) {
      Files.writeString(output.path().resolve("file"), "new");
      assertThat(target).doesNotExist();
      output.commit();
    }
    assertThat(target.resolve("file")).hasContent("new");
    assertThat(directory.resolve("a").toFile().list()).containsExactly("b");
  }

  @Test
  void leavesNothingWithoutCommit() throws IOException {
    Path outside = Files.writeString(directory.resolve("outside"), "kept");
    try (OutputDirectory output = OutputDirectory.create(directory.resolve("b"), false)) {
      Files.createDirectory(output.path().resolve("sub"));
      Files.writeString(output.path().resolve("sub/file"), "new");
      Files.createSymbolicLink(output.path().resolve("link"), outside);
      Files.createSymbolicLink(output.path().resolve("links"), directory);
    }
    assertThat(directory.toFile().list()).containsExactly("outside");
    assertThat(outside).hasContent("kept");
  }

  @Test
  void replacesAnOldDirectoryWhenAsked() throws IOException {
    Path target = Files.createDirectory(directory.resolve("b"));
    Files.writeString(target.resolve("old"), "old");
    try (OutputDirectory output = OutputDirectory.create(target, true)) {
      Files.writeString(output.path().resolve("file"), "new");
      assertThat(target.resolve("old")).exists();
      output.commit();
    }
    assertThat(target.toFile().list()).containsExactly("file");
    assertThat(directory.toFile().list()).containsExactly("b");
  }

  @Test
  void usesAnEmptyDirectory() throws IOException {
    Path target = Files.createDirectory(directory.resolve("b"));
    try (OutputDirectory output = OutputDirectory.create(target, false)) {
      Files.writeString(output.path().resolve("file"), "new");
      output.commit();
    }
    assertThat(target.toFile().list()).containsExactly("file");
  }

  @Test
  void refusesADirectoryWithFiles() throws IOException {
    Path target = Files.createDirectory(directory.resolve("b"));
    Files.createFile(target.resolve("old"));
    assertThatThrownBy(() -> OutputDirectory.create(target, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            target + ": exists and is not empty; name another directory, or ask to overwrite it");
  }

  @Test
  void refusesToReplaceWhatWasFilledMeanwhile() throws IOException {
    Path target = directory.resolve("b");
    try (OutputDirectory output = OutputDirectory.create(target, false)) {
      Files.createDirectory(target);
      Files.createFile(target.resolve("theirs"));
      assertThatThrownBy(output::commit).isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(target.toFile().list()).containsExactly("theirs");
    assertThat(directory.toFile().list()).containsExactly("b");
  }

  @Test
  void refusesFilesAndTheDirectoryWeAreIn() throws IOException {
    Path file = Files.createFile(directory.resolve("f"));
    assertThatThrownBy(() -> OutputDirectory.create(file, true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(file + ": is a file, expected a directory to write to");
    assertThatThrownBy(() -> OutputDirectory.create(Path.of("."), true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(".: holds user.dir and is not overwritten; name another directory");
    assertThatThrownBy(() -> OutputDirectory.create(Path.of("/"), true))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesToReplaceItsInput() throws IOException {
    Path target = directory.resolve("b");
    Files.createDirectories(target.resolve("checkpoint"));
    assertThatThrownBy(() -> OutputDirectory.create(target, true, target.resolve("checkpoint")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            target
                + ": holds the input "
                + target.resolve("checkpoint")
                + "; write to another directory");
  }

  @Test
  void saysWhereItCannotWrite() throws IOException {
    Path file = Files.createFile(directory.resolve("f"));
    assertThatThrownBy(() -> OutputDirectory.create(file.resolve("b"), false))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file.resolve("b") + ": cannot write in " + file + ": ");
  }
}
