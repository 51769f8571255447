package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.tests.TinyRun.metrics;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a run has on disk at any moment is enough to go on from: its process is stopped for a moment
 * again and again, its folder is copied, and some of the copies are gone on with. A copy is what
 * {@code kill -9} would have left at that moment.
 */
final class SnapshotResumeTest {
  private static final int COPIES = 4;

  @TempDir Path directory;

  @Test
  void everyMomentIsOneToGoOnFrom() throws IOException, InterruptedException {
    TinyRun tiny = TinyRun.in(directory);
    String[] options = {
      "--data=" + tiny.writeShortData(),
      "--cutoff-len=32",
      "--batch-size=4",
      "--learning-rate=5e-2",
      "--eval-steps=2",
      "--save-total-limit=1",
      "--load-best-model-at-end"
    };
    Path whole = directory.resolve("whole");
    List<Path> copies = copies(tiny, tiny.train(whole, options), whole);
    assertThat(whole.resolve("report.html")).as(Files.readString(tiny.childLog())).exists();
    assertThat(copies).as("copies of different moments").hasSizeGreaterThan(COPIES);
    Collections.shuffle(copies, new Random(5));
    for (Path copy : copies.subList(0, COPIES)) {
      List<String> arguments = tiny.train(copy, options);
      arguments.add("--resume");
      CommandRun run = CommandRun.of(arguments.toArray());
      assertThat(run.code()).as(run.err()).isZero();
      assertThat(metrics(copy)).isEqualTo(metrics(whole));
      assertThat(copy.resolve("adapter_model.safetensors"))
          .hasSameBinaryContentAs(whole.resolve("adapter_model.safetensors"));
      assertThat(copy.toFile().list())
          .containsExactlyInAnyOrder(Objects.requireNonNull(whole.toFile().list()));
    }
  }

  /** Copies of {@code output} that differ in their files, without the first and the last ones. */
  private List<Path> copies(TinyRun tiny, List<String> arguments, Path output)
      throws IOException, InterruptedException {
    List<Path> copies = new ArrayList<>();
    List<String> before = List.of();
    Process child = tiny.start(arguments);
    try {
      while (child.isAlive() && !Files.exists(output.resolve("summary.json"))) {
        Thread.sleep(5);
        List<String> now = state(output);
        if (now.equals(before) || now.isEmpty()) {
          continue;
        }
        before = now;
        signal(child, "-STOP");
        Path copy = directory.resolve("copy-" + copies.size());
        copy(output, copy);
        signal(child, "-CONT");
        copies.add(copy);
      }
      child.waitFor();
    } finally {
      child.destroyForcibly();
    }
    return copies;
  }

  private static List<String> state(Path output) throws IOException {
    String[] names = output.toFile().list();
    if (names == null || !Files.exists(output.resolve("run.json"))) {
      return List.of();
    }
    List<String> state = new ArrayList<>(Arrays.asList(names));
    state.add("lines " + TinyRun.lines(output));
    return state;
  }

  private static void signal(Process process, String signal)
      throws IOException, InterruptedException {
    assertThat(new ProcessBuilder("kill", signal, String.valueOf(process.pid())).start().waitFor())
        .isZero();
    if (signal.equals("-STOP")) {
      Thread.sleep(20); // until all its threads have stopped
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
              throws IOException {
            Files.createDirectory(to.resolve(from.relativize(folder)));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.copy(file, to.resolve(from.relativize(file)));
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
