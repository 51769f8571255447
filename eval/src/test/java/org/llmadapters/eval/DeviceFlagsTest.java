package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.graph.device.Device;

/** What commands say on a machine without a GPU. */
final class DeviceFlagsTest {
  @TempDir private static Path shared;
  private static String model = "";

  @TempDir private Path directory;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeAll
  static void makeModel() throws IOException {
    model = NumberModel.write(shared).toString();
  }

  /** A command and what it needs beside a model and an output. */
  private record Case(String name, Callable<Integer> command, List<String> arguments) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> commands() {
    String text = shared.resolve("text.txt").toString();
    String items = shared.resolve("items.json").toString();
    return Stream.of(
        new Case(
            "generate", new GenerateCommand(), List.of("--prompt", "one", "--output", "answers")),
        new Case(
            "evaluate",
            new EvaluateCommand(),
            List.of("--task", "gsm8k", "--data", items, "--output", "predictions")),
        new Case("perplexity", new PerplexityCommand(), List.of("--data", text)));
  }

  private int run(Case tried, String... flags) throws IOException {
    Files.writeString(shared.resolve("text.txt"), "one two three");
    Files.writeString(
        shared.resolve("items.json"), "[{\"instruction\": \"say three\", \"answer\": \"3\"}]");
    List<Object> arguments = new ArrayList<>(List.of("--model", model));
    for (String argument : tried.arguments()) {
      boolean isOutput = argument.equals("answers") || argument.equals("predictions");
      arguments.add(isOutput ? directory.resolve(argument) : argument);
    }
    arguments.addAll(List.of(flags));
    return CommandRun.of(tried.command(), out, err, arguments.toArray());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void nothingRunsOnTheCpuThatWasToRunOnAGpu(Case tried) throws IOException {
    assertThat(run(tried, "--device", "gpu")).isEqualTo(1);
    assertThat(err.toString().strip())
        .isEqualTo(
            "--device gpu:0: there is no such GPU; TensorFlow registered only CPU:0."
                + " `llm-adapters devices` shows why; --device cpu computes on the CPU");
    assertThat(out.toString()).isEmpty();
    assertThat(directory).isEmptyDirectory();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void refusesWhatIsNoDevice(Case tried) throws IOException {
    assertThat(run(tried, "--device", "tpu")).isEqualTo(1);
    assertThat(err.toString().strip())
        .isEqualTo("device 'tpu' is not known; expected auto, cpu, gpu or gpu:N with N from 0");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void refusesWhatIsForGpus() throws IOException {
    assertThat(run(generate(), "--device", "cpu", "--tf32")).isEqualTo(1);
    assertThat(run(generate(), "--device", "cpu", "--device-memory-limit", "100")).isEqualTo(1);
    assertThat(run(generate(), "--compile-cache", "/tmp/my'cache")).isEqualTo(1);
    assertThat(err.toString().lines())
        .containsExactly(
            "--tf32 is for GPUs; this process computes on the CPU, where float32 is exact",
            "a limit of device memory is for GPUs; sessions of this process compute on the CPU",
            "/tmp/my'cache: the folder of a compile cache cannot have quotes in its name");
    assertThat(directory).isEmptyDirectory();
  }

  private static Case generate() {
    return commands().findFirst().orElseThrow();
  }

  @Test
  void autoIsTheCpuHere() throws IOException {
    assertThat(run(generate())).isZero();
    assertThat(directory.resolve("answers")).content().contains("\"response\":\"1\"");
  }

  @Test
  void compilesByItselfOnAGpuOnly() {
    assertThat(Compile.AUTO.compiles(Device.gpu(0))).isTrue();
    assertThat(Compile.AUTO.compiles(Device.CPU)).isFalse();
    assertThat(Compile.ON.compiles(Device.CPU)).isTrue();
    assertThat(Compile.OFF.compiles(Device.gpu(0))).isFalse();
  }
}
