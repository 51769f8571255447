package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.tests.TinyRun.STEPS;
import static org.llmadapters.tests.TinyRun.lines;
import static org.llmadapters.tests.TinyRun.metrics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.config.WeightDtype;

/** A run that is killed at any moment and resumed ends as one that was not. */
final class ResumeTest {
  /** Long enough for the slowest machine; a run takes seconds. */
  private static final int TIMEOUT_SECONDS = 300;

  @TempDir Path directory;

  private TinyRun tiny = new TinyRun(Path.of(""));

  @BeforeEach
  void prepare() throws IOException {
    tiny = TinyRun.in(directory);
  }

  private record Outcome(int exitCode, String err) {}

  private static Outcome run(List<String> arguments) {
    CommandRun run = CommandRun.of(arguments.toArray());
    return new Outcome(run.code(), run.err());
  }

  @Test
  void aRunKilledSeveralTimesEndsAsOneThatWasNot() throws IOException, InterruptedException {
    endsAsOneThatWasNotKilled(4);
  }

  /** Which examples share a row is found anew; blocks are computed again on top of it. */
  @Test
  void aPackedRunKilledEndsAsOneThatWasNot() throws IOException, InterruptedException {
    endsAsOneThatWasNotKilled(2, "--packing", "--buckets=96", "--gradient-checkpointing");
    assertThat(metrics(directory.resolve("whole")).get(11).path("epoch").doubleValue())
        .as("all rows seen, and drawn again for the next epoch")
        .isGreaterThan(2);
  }

  /** What is left if a run is killed between its last checkpoint and deleting one too many. */
  @Test
  void aCheckpointTooManyGoes() throws IOException {
    Path output = directory.resolve("run");
    assertThat(run(tiny.train(output, "--max-steps=4")).exitCode()).isZero();
    Path last = output.resolve("checkpoint-4");
    Path left = Files.createDirectory(output.resolve("checkpoint-1"));
    for (String file : Objects.requireNonNull(last.toFile().list())) {
      Files.copy(last.resolve(file), left.resolve(file));
    }
    Outcome resumed = run(tiny.train(output, "--max-steps=4", "--resume"));
    assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    assertThat(output.toFile().list())
        .contains("checkpoint-2", "checkpoint-4")
        .doesNotContain("checkpoint-1");
  }

  /** Starts and kills a run so many times. */
  private void endsAsOneThatWasNotKilled(int starts, String... options)
      throws IOException, InterruptedException {
    Path whole = directory.resolve("whole");
    assertThat(run(tiny.train(whole, options))).isEqualTo(new Outcome(0, ""));
    Path killed = directory.resolve("killed");
    String[] resume = Arrays.copyOf(options, options.length + 1);
    resume[options.length] = "--resume";

    Random random = new Random(4);
    int kills = 0;
    for (int start = 0; start < starts; start++) {
      long target = lines(killed) + 1 + random.nextInt(3);
      int delay = random.nextInt(120);
      kills += killAfter(tiny.train(killed, resume), killed, target, delay) ? 1 : 0;
    }
    assertThat(kills).as("runs killed before they were done").isGreaterThanOrEqualTo(2);
    assertThat(killed.resolve("adapter_model.safetensors"))
        .as("the run must not be done yet")
        .doesNotExist();
    Outcome last = run(tiny.train(killed, resume));
    assertThat(last).isEqualTo(new Outcome(0, ""));

    assertThat(metrics(killed)).hasSize(STEPS + STEPS / 3);
    assertSameResult(killed, whole);
    String state = "checkpoint-" + STEPS + "/state.safetensors";
    assertThat(killed.resolve(state)).hasSameBinaryContentAs(whole.resolve(state));
    assertThat(killed.toFile().list())
        .containsExactlyInAnyOrder(Objects.requireNonNull(whole.toFile().list()))
        .contains("metrics.jsonl", "run.json", "checkpoint-10", "checkpoint-12")
        .doesNotContain("checkpoint-8");
  }

  private static void assertSameResult(Path run, Path whole) throws IOException {
    assertThat(metrics(run)).isEqualTo(metrics(whole));
    for (String file : List.of("adapter_model.safetensors", "adapter_config.json")) {
      assertThat(run.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
    }
    assertThat(TinyRun.json(run.resolve("summary.json")).path("best_step"))
        .isEqualTo(TinyRun.json(whole.resolve("summary.json")).path("best_step"));
  }

  /**
   * Kills a run {@code millis} after its metrics have {@code lines} lines; whether it was alive.
   */
  private boolean killAfter(List<String> arguments, Path output, long lines, int millis)
      throws IOException, InterruptedException {
    Process child = tiny.start(arguments);
    try {
      waitForLines(child, output, lines);
      boolean exited = child.waitFor(millis, TimeUnit.MILLISECONDS);
      if (exited) {
        assertThat(child.exitValue()).as(Files.readString(tiny.childLog())).isZero();
      }
      return !exited;
    } finally {
      child.destroyForcibly().waitFor(); // SIGKILL: no shutdown hook saves anything
    }
  }

  /** Waits until a run's metrics have so many lines, or it has ended. */
  private void waitForLines(Process child, Path output, long lines)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    while (child.isAlive() && lines(output) < lines) {
      assertThat(System.nanoTime()).as(Files.readString(tiny.childLog())).isLessThan(deadline);
      Thread.sleep(2);
    }
  }

  /** Ctrl-C: the step is finished, the state saved, and the user told how to go on. */
  @Test
  void aRunThatIsInterruptedSavesItsStateFirst() throws IOException, InterruptedException {
    String[] options = {"--save-steps=1000", "--eval-steps=1000"};
    Path whole = directory.resolve("whole");
    assertThat(run(tiny.train(whole, options))).isEqualTo(new Outcome(0, ""));
    Path interrupted = directory.resolve("interrupted");
    Process child = tiny.start(tiny.train(interrupted, options));
    try {
      waitForLines(child, interrupted, 2);
      assertThat(new ProcessBuilder("kill", "-INT", "" + child.pid()).start().waitFor()).isZero();
      assertThat(child.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).isTrue();
    } finally {
      child.destroyForcibly();
    }
    assertThat(child.exitValue()).as("as of any program that SIGINT ends").isEqualTo(130);
    long done = lines(interrupted);
    assertThat(done).isBetween(2L, STEPS - 1L);
    assertThat(TinyRun.json(interrupted.resolve("summary.json")).path("ending").asText())
        .isEqualTo("interrupted");
    assertThat(Files.readString(tiny.childLog()))
        .contains("interrupted after " + done + " steps")
        .containsPattern(", [0-9.]+ % of the time waiting for data, ")
        .contains("go on with: the same command and --resume");
    assertThat(TinyRun.json(whole.resolve("summary.json")).path("data_fraction").doubleValue())
        .isBetween(0.0, 1.0);
    assertThat(interrupted.resolve("checkpoint-" + done)).isDirectory();
    assertThat(interrupted.resolve("adapter_model.safetensors")).doesNotExist();

    List<String> resumed = tiny.train(interrupted, options);
    resumed.add("--resume");
    assertThat(run(resumed)).isEqualTo(new Outcome(0, ""));
    assertSameResult(interrupted, whole);
  }

  /** The best adapter is kept through it all. Takes minutes. */
  @Test
  @Tag("slow")
  void aRunKilledTwentyFiveTimesEndsAsOneThatWasNot() throws IOException, InterruptedException {
    String[] options = {
      "--data=" + tiny.writeShortData(),
      "--cutoff-len=32",
      "--batch-size=4",
      "--max-steps=400",
      "--learning-rate=5e-2",
      "--eval-steps=2",
      "--save-steps=3",
      "--load-best-model-at-end"
    };
    Path whole = directory.resolve("whole");
    assertThat(run(tiny.train(whole, options))).isEqualTo(new Outcome(0, ""));
    Path killed = directory.resolve("killed");
    String[] resume = Arrays.copyOf(options, options.length + 1);
    resume[options.length] = "--resume";
    Random random = new Random(9);
    int kills = 0;
    for (int start = 0; start < 25; start++) {
      long target = lines(killed) + random.nextInt(7);
      kills += killAfter(tiny.train(killed, resume), killed, target, random.nextInt(60)) ? 1 : 0;
    }
    assertThat(kills).isEqualTo(25);
    assertThat(run(tiny.train(killed, resume))).isEqualTo(new Outcome(0, ""));
    assertSameResult(killed, whole);
  }

  @Test
  void aResumedRunMustHaveTheSameOptionsAndData() throws IOException {
    Path output = directory.resolve("run");
    assertThat(run(tiny.train(output, "--max-steps=2"))).isEqualTo(new Outcome(0, ""));
    for (String option :
        List.of(
            "--learning-rate=2e-2",
            "--max-steps=3",
            "--lora-dropout=0",
            "--r=4",
            "--batch-size=4",
            "--seed=1",
            "--weight-decay=0",
            "--data=" + tiny.writeData(2))) {
      Outcome outcome = run(tiny.train(output, "--max-steps=2", "--resume", option));
      assertThat(outcome.err())
          .as(option)
          .startsWith(
              "error: "
                  + output.resolve("checkpoint-2")
                  + ": was made with another base, other options or data (")
          .contains("resume with the same, or start in another folder");
      assertThat(outcome.exitCode()).isEqualTo(1);
    }
  }

  /** The same shapes in the same place, but other weights. */
  @Test
  void aResumedRunMustHaveTheSameBase() throws IOException {
    Path output = directory.resolve("run");
    assertThat(run(tiny.train(output, "--max-steps=2"))).isEqualTo(new Outcome(0, ""));
    Path weights = tiny.checkpoint().resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    Converter.convert(tiny.checkpoint(), tiny.base(), WeightDtype.FLOAT32, true);
    Outcome outcome = run(tiny.train(output, "--max-steps=2", "--resume"));
    assertThat(outcome.err()).contains(": was made with another base, other options or data (");
    assertThat(outcome.exitCode()).isEqualTo(1);
  }

  @Test
  void anEarlierRunIsNotOverwrittenByMistake() throws IOException {
    Path output = directory.resolve("run");
    assertThat(run(tiny.train(output, "--max-steps=1"))).isEqualTo(new Outcome(0, ""));
    byte[] adapter = Files.readAllBytes(output.resolve("adapter_model.safetensors"));
    assertThat(run(tiny.train(output, "--max-steps=1")))
        .isEqualTo(
            new Outcome(
                2,
                "error: "
                    + output
                    + ": exists and is not empty; give --resume to go on, --overwrite to replace an"
                    + " earlier run, or another --output\n"));
    assertThat(output.resolve("adapter_model.safetensors")).hasBinaryContent(adapter);
    assertThat(run(tiny.train(output, "--max-steps=1", "--overwrite")))
        .isEqualTo(new Outcome(0, ""));
    assertThat(Objects.requireNonNull(output.toFile().list()))
        .containsExactlyInAnyOrder(
            "about.json",
            "adapter_config.json",
            "adapter_model.safetensors",
            "checkpoint-1",
            "curves",
            "metrics.jsonl",
            "report.html",
            "run.json",
            "summary.json",
            "tensorboard");
  }
}
