package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code --device} on a machine without a GPU. */
final class DeviceCommandTest {
  private static final String NO_GPU =
      "error: --device gpu:0: there is no such GPU; TensorFlow registered only CPU:0."
          + " `llm-adapters devices` shows why; --device cpu computes on the CPU";

  @TempDir private Path directory;
  private TinyRun tiny = new TinyRun(Path.of(""));

  @BeforeEach
  void prepare() throws IOException {
    tiny = TinyRun.in(directory);
  }

  @Test
  void trainDoesNotRunOnTheCpuInstead() {
    Path run = directory.resolve("run");
    CommandRun refused = CommandRun.of(tiny.train(run, "--device=gpu").toArray());
    assertThat(refused.code()).isEqualTo(2);
    assertThat(refused.err().strip()).isEqualTo(NO_GPU);
    assertThat(refused.out()).isEmpty();
    assertThat(run).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"bench train --num-hidden-layers 1 --steps 1", "bench generate --repeats 1"})
  void benchDoesNotMeasureTheCpuInstead(String command) {
    CommandRun refused = CommandRun.of((Object[]) (command + " --device gpu").split(" ", -1));
    assertThat(refused.code()).isEqualTo(2);
    assertThat(refused.err().strip()).isEqualTo(NO_GPU);
    assertThat(refused.out()).isEmpty();
  }

  @Test
  void trainRecordsItsDevice() throws IOException {
    Path run = directory.resolve("run");
    CommandRun.succeed(tiny.train(run, "--max-steps=2", "--device=cpu").toArray());
    ObjectMapper json = new ObjectMapper();
    assertThat(json.readTree(run.resolve("run.json").toFile()).path("device").asText())
        .isEqualTo("cpu");
    assertThat(json.readTree(run.resolve("about.json").toFile()).at("/machine/device").asText())
        .isEqualTo("cpu");
  }

  /** One row to a micro batch: forward pass, gradients and update are one program. */
  @Test
  void trainsByOneProgramAsByOperations() throws IOException {
    List<Double> operations = losses("--compile=off");
    List<Double> program = losses("--compile=on");
    assertThat(program).hasSize(3);
    for (int i = 0; i < 3; i++) {
      // Adam's first steps are near the learning rate's 0.01 in either direction, so that values
      // whose gradients are but rounding differ by that; losses are near 4.6.
      assertThat(program.get(i)).isCloseTo(operations.get(i), within(2e-3));
    }
  }

  private List<Double> losses(String compile) throws IOException {
    Path run = directory.resolve("run" + compile);
    CommandRun.succeed(
        tiny.train(
                run,
                "--batch-size=2",
                "--micro-batch-size=1",
                "--max-steps=3",
                "--buckets=96",
                compile)
            .toArray());
    return TinyRun.metrics(run).stream()
        .filter(line -> line.has("loss"))
        .map(line -> line.path("loss").asDouble())
        .toList();
  }
}
