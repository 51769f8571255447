package org.llmadapters.conversion.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.ConvertCommand;
import org.llmadapters.conversion.MergeCommand;
import org.llmadapters.conversion.SparseCheckpoint;
import org.llmadapters.conversion.TestAdapter;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.graph.savedmodel.SavedModelWriter;
import org.llmadapters.graph.savedmodel.TensorBundle;
import picocli.CommandLine;

/**
 * Converts, merges and exports weights of 64 MiB each in a process that may use 32 MiB of heap and
 * 16 MiB of buffers: it would fail if a tensor were held as a whole anywhere.
 */
final class SmallMemoryTest {
  private static final int VOCAB_SIZE = 1 << 14;
  private static final int HIDDEN_SIZE = 1 << 10;

  @TempDir Path directory;

  @Test
  void weightsLargerThanMemoryAreStreamed() throws Exception {
    Path checkpoint =
        SparseCheckpoint.write(directory.resolve("checkpoint"), VOCAB_SIZE, HIDDEN_SIZE);
    Path adapter = TestAdapter.write(directory.resolve("adapter"), checkpoint, "lm_head");
    Path base = directory.resolve("base");
    Path merged = directory.resolve("merged");
    Path output = directory.resolve("models/tiny");
    run(Convert.class, "--checkpoint " + checkpoint + " --output " + base);
    run(
        Merge.class,
        "--checkpoint "
            + checkpoint
            + " --adapter "
            + adapter
            + " --output "
            + merged
            + " --no-check");
    run(
        Export.class,
        "--model "
            + base
            + " --adapter "
            + adapter
            + " --output "
            + output
            + " --merge --no-check");

    long bytes = 4L * VOCAB_SIZE * HIDDEN_SIZE;
    assertThat(bytes).isGreaterThan(32 << 20);
    assertThat(
            TensorBundle.open(SavedModelWriter.variables(output.resolve("1")))
                .entry("lm_head.weight")
                .bytes())
        .isEqualTo(bytes);
    try (SafetensorsFile file = SafetensorsFile.open(merged.resolve("model.safetensors"))) {
      assertThat(file.tensors().get("lm_head.weight"))
          .extracting(TensorInfo::bytes)
          .isEqualTo(bytes);
    }
  }

  private void run(Class<?> main, String arguments) throws Exception {
    Path log = directory.resolve("log");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx32m",
                "-XX:MaxDirectMemorySize=16m",
                "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
    command.addAll(List.of(arguments.split(" ", -1)));
    int code =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start()
            .waitFor();
    assertThat(code).as("%s: %s", main.getSimpleName(), Files.readString(log)).isZero();
  }

  /** Runs {@code convert}. */
  static final class Convert {
    private Convert() {}

    public static void main(String[] arguments) {
      System.exit(new CommandLine(new ConvertCommand()).execute(arguments));
    }
  }

  /** Runs {@code merge}. */
  static final class Merge {
    private Merge() {}

    public static void main(String[] arguments) {
      System.exit(new CommandLine(new MergeCommand()).execute(arguments));
    }
  }

  /** Runs {@code export}. */
  static final class Export {
    private Export() {}

    public static void main(String[] arguments) {
      System.exit(new CommandLine(new ExportCommand()).execute(arguments));
    }
  }
}
