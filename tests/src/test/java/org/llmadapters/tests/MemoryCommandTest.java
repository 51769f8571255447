package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.WeightDtype;

/** {@code train --memory-estimate}: an answer before anything is loaded. */
final class MemoryCommandTest {
  private static final Pattern KIBIBYTES = Pattern.compile("total +(\\d+\\.\\d\\d) KiB");

  @TempDir static Path folder;

  @BeforeAll
  static void convert() throws IOException {
    Path checkpoint = folder.resolve("checkpoint");
    TinyCheckpoint.write(
        checkpoint, ContractFamilies.config(Architecture.LLAMA), WeightDtype.BFLOAT16);
    Converter.convert(checkpoint, folder.resolve("base"), WeightDtype.BFLOAT16, false);
  }

  private static CommandRun run(Object... more) {
    Object[] arguments = {
      "train",
      "--model",
      folder.resolve("base"),
      "--data",
      folder.resolve("not-read.json"),
      "--adapter",
      "lora",
      "--target-modules",
      "q_proj,v_proj",
      "--cutoff-len",
      64,
      "--output",
      folder.resolve("run")
    };
    Object[] all = java.util.Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return CommandRun.of(all);
  }

  @Test
  void aTableIsPrintedAndNothingIsDone() {
    CommandRun run = run("--memory-estimate");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out())
        .startsWith("memory of one device on batches of 4 x 64 tokens")
        .containsPattern("weights +\\d+\\.\\d\\d KiB")
        .containsPattern("activations +\\d+\\.\\d\\d KiB")
        .containsPattern(KIBIBYTES)
        .doesNotContain("fit");
    assertThat(folder.resolve("run")).doesNotExist();
  }

  /** Half of what is needed for four rows is enough for one. */
  @Test
  void whatWouldFitIsFoundOut() {
    Matcher total = KIBIBYTES.matcher(run("--memory-estimate").out());
    assertThat(total.find()).isTrue();
    double half = Double.parseDouble(total.group(1)) / 2;
    CommandRun run = run("--memory-estimate", "--device-memory", half / (1 << 20));
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out())
        .containsPattern("does not fit into \\d+\\.\\d\\d KiB; these would fit:")
        .containsPattern("  --micro-batch-size [12]: \\d+\\.\\d\\d KiB");
    assertThat(run("--memory-estimate", "--device-memory", 1).out()).contains("fits into 1.00 GiB");
  }

  @Test
  void memoryOfADeviceIsAskedForTogetherWithTheEstimateAlone() {
    CommandRun run = run("--device-memory", 24);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("--device-memory is for --memory-estimate");
    assertThat(run("--memory-estimate", "--device-memory", -1).err())
        .contains("--device-memory must be GiB > 0, got -1.0");
    assertThat(Files.exists(folder.resolve("run"))).isFalse();
  }
}
