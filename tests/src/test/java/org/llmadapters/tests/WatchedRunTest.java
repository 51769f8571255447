package org.llmadapters.tests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.llmadapters.tests.TinyRun.json;
import static org.llmadapters.tests.TinyRun.metrics;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Validation, early stopping, the best checkpoint, divergence: what ends a run, and how. */
final class WatchedRunTest {
  /** Too small to change any loss: every evaluation gives the same. */
  private static final String STANDING_STILL = "--learning-rate=1e-30";

  @TempDir static Path directory;

  private static TinyRun tiny = new TinyRun(Path.of(""));

  @BeforeAll
  static void prepare() throws IOException {
    tiny = TinyRun.in(directory);
    tiny.writeShortData();
  }

  /** Four examples in each batch, four to evaluate on, no dropout. */
  private static CommandRun train(Path output, String... options) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--data=" + directory.resolve("short.jsonl"),
                "--cutoff-len=32",
                "--batch-size=4",
                "--lora-dropout=0",
                "--lr-scheduler=constant"));
    for (String option : options) {
      all.removeIf(other -> other.split("=", 2)[0].equals(option.split("=", 2)[0]));
      all.add(option);
    }
    return CommandRun.of(tiny.train(output, all.toArray(String[]::new)).toArray());
  }

  private static String succeed(Path output, String... options) {
    CommandRun run = train(output, options);
    assertThat(run.code()).as(run.err()).isZero();
    return run.out();
  }

  private static void assertFails(int code, String message, CommandRun run) {
    assertThat(run.err()).isEqualTo("error: " + message + "\n");
    assertThat(run.code()).isEqualTo(code);
  }

  @Test
  void stopsWhenTheLossOnValidationDataStaysWhereItIs() throws IOException {
    Path output = directory.resolve("early");
    String[] options = {STANDING_STILL, "--early-stopping-patience=2"};
    assertThat(succeed(output, options)).startsWith("stopped early after 9 steps: ");
    assertThat(metrics(output)).hasSize(9 + 3);
    JsonNode state = json(output.resolve("checkpoint-9/trainer_state.json"));
    assertThat(state.path("best_step").asLong()).isEqualTo(3);
    assertThat(state.path("evaluations_without_improvement").asLong()).isEqualTo(2);
    assertThat(output.resolve("adapter_model.safetensors")).exists();
    assertThat(json(output.resolve("summary.json")).path("ending").asText())
        .isEqualTo("stopped early");
    assertThat(output.resolve("report.html")).content().contains("<td>stopped early</td>");

    String again = succeed(output, STANDING_STILL, "--resume", "--early-stopping-patience=2");
    assertThat(again).as("it stays ended").startsWith("stopped early after 9 steps: loss ");
    assertThat(again).doesNotContain("NaN");
    assertThat(metrics(output)).hasSize(9 + 3);
    assertThat(succeed(output, STANDING_STILL, "--resume", "--early-stopping-patience=3"))
        .as("more patience")
        .startsWith("finished after 12 steps: ");
  }

  @Test
  void theResultIsThatOfTheLowestLoss() throws IOException {
    String[] options = {
      "--learning-rate=5e-2",
      "--eval-steps=1",
      "--save-steps=5",
      "--save-total-limit=1",
      "--load-best-model-at-end"
    };
    Path output = directory.resolve("best");
    String out = succeed(output, options);
    long best = json(output.resolve("summary.json")).path("best_step").asLong();
    assertThat(best).as("the loss must have risen again").isBetween(1L, 11L);
    assertThat(out).contains(" at step " + best + ")");
    assertThat(Objects.requireNonNull(output.toFile().list()))
        .contains("checkpoint-" + best, "checkpoint-12")
        .filteredOn(name -> name.startsWith("checkpoint"))
        .hasSize(2);
    Path shorter = directory.resolve("shorter");
    succeed(shorter, "--learning-rate=5e-2", "--max-steps=" + best);
    assertThat(output.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(shorter.resolve("adapter_model.safetensors"));

    List<?> whole = metrics(output);
    String[] back = Arrays.copyOf(options, options.length + 1);
    back[options.length] = "--resume-from=checkpoint-" + best;
    succeed(output, back);
    assertThat(metrics(output)).isEqualTo(whole);
    assertThat(output.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(shorter.resolve("adapter_model.safetensors"));
  }

  @Test
  void validationDataMayBeAFileOfItsOwn() throws IOException {
    Path output = directory.resolve("file");
    succeed(
        output,
        STANDING_STILL,
        "--val-set-size=0",
        "--val-data=" + directory.resolve("short.jsonl"),
        "--batch-size=8",
        "--max-steps=1");
    List<?> lines = metrics(output);
    double loss = metrics(output).get(0).path("loss").asDouble();
    double evalLoss = metrics(output).get(1).path("eval_loss").asDouble();
    assertThat(lines).hasSize(2);
    // The same 8 examples in the same two batches, in another order: float32 sums.
    assertThat(evalLoss).isCloseTo(loss, within(1e-5));
    assertThat(metrics(output).get(1).path("eval_perplexity").asDouble())
        .isEqualTo(Math.exp(evalLoss));
  }

  @Test
  void aLossThatIsNoNumberEndsTheRunWithAReport() throws IOException {
    Path output = directory.resolve("nan");
    CommandRun run =
        train(output, "--target-modules=lm_head", "--learning-rate=1e30", "--save-steps=1");
    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err())
        .startsWith("error: step 2: loss ")
        .endsWith(
            "the last checkpoint is untouched. Lower --learning-rate, or add --warmup-steps\n");
    assertThat(json(output.resolve("summary.json")).path("ending").asText()).isEqualTo("failed");
    assertThat(output.resolve("report.html"))
        .content()
        .contains("the last checkpoint is untouched", "<svg");
    assertThat(output.resolve("checkpoint-1/state.safetensors")).exists();
    assertThat(output.resolve("adapter_model.safetensors")).doesNotExist();
  }

  @Test
  void aLossThatExplodesEndsTheRun() {
    Path output = directory.resolve("explosion");
    CommandRun run = train(output, "--target-modules=lm_head", "--learning-rate=10");
    assertThat(run.err())
        .startsWith("error: step 10: the median loss of the last 10 steps is ")
        .contains(", over 3 times the lowest so far, ", ": the run diverges; ");
    assertThat(run.code()).isEqualTo(1);
    assertThat(output.resolve("report.html")).content().contains("the run diverges");
    assertThat(
            succeed(
                output,
                "--target-modules=lm_head",
                "--learning-rate=10",
                "--resume",
                "--max-loss-ratio=0"))
        .startsWith("finished after 12 steps");
  }

  @Test
  void resumingWithoutACheckpointSaysSoAndStartsWithTheOptionsAsTheyAreNow() throws IOException {
    Path output = directory.resolve("fresh");
    Files.createDirectory(output);
    Files.writeString(output.resolve("run.json"), "{\"max-steps\": \"99\"}");
    Files.writeString(output.resolve("metrics.jsonl"), "{\"step\":1,\"loss\":9}\n");
    PrintStream standardError = System.err;
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    System.setErr(new PrintStream(log, true, UTF_8));
    try {
      succeed(output, "--max-steps=1", "--resume");
    } finally {
      System.setErr(standardError);
    }
    assertThat(log.toString(UTF_8))
        .contains(output + ": no checkpoint to go on from; starting with the first step");
    assertThat(json(output.resolve("run.json")).path("max-steps").asText()).isEqualTo("1");
    assertThat(metrics(output)).hasSize(2);
  }

  @Test
  void goesBackOnlyToACheckpointThatIsThere() throws IOException {
    Path output = directory.resolve("back");
    succeed(output, STANDING_STILL, "--max-steps=6");
    assertFails(
        2,
        output + ": has no checkpoint-2; it has: checkpoint-4, checkpoint-6",
        train(output, STANDING_STILL, "--max-steps=6", "--resume-from=checkpoint-2"));
    assertFails(
        2,
        "--resume-from must be the name of a folder in --output, checkpoint-N, got best",
        train(output, STANDING_STILL, "--max-steps=6", "--resume-from=best"));
    assertFails(
        1,
        output
            + ": checkpoint-3 was the best one up to checkpoint-4, and is not there any more; go on"
            + " from a later one, or without --load-best-model-at-end",
        train(
            output,
            STANDING_STILL,
            "--max-steps=6",
            "--resume-from=checkpoint-4",
            "--load-best-model-at-end"));
    assertThat(output.resolve("checkpoint-6")).as("nothing is deleted before").exists();
    succeed(output, STANDING_STILL, "--max-steps=6", "--resume-from=checkpoint-4");
    assertThat(metrics(output)).hasSize(6 + 2);
  }

  @Test
  void aFolderOfSomethingElseIsNotResumed() throws IOException {
    Path output = Files.createDirectory(directory.resolve("foreign"));
    Files.writeString(output.resolve("adapter_config.json"), "{}");
    assertFails(
        2,
        output
            + ": has no run.json, so no training run wrote it; nothing was deleted. Name another"
            + " folder",
        train(output, "--resume"));
  }

  @Test
  void whatGoesByValidationDataNeedsSome() {
    Path output = directory.resolve("none");
    String needs =
        "--early-stopping-patience and --load-best-model-at-end go by the loss on validation data,"
            + " and there is none; give --val-set-size or --val-data";
    assertFails(2, needs, train(output, "--val-set-size=0", "--load-best-model-at-end"));
    assertFails(2, needs, train(output, "--val-set-size=0", "--early-stopping-patience=1"));
    assertFails(
        2,
        "--val-data and --val-set-size are two ways to name validation data; give one of them",
        train(output, "--val-data=" + directory.resolve("short.jsonl")));
    assertFails(
        2,
        "max_loss_ratio must be > 1, or 0 for no limit, got 0.5",
        train(output, "--max-loss-ratio=0.5"));
    assertFails(
        2,
        "early_stopping_patience and early_stopping_threshold must be >= 0, got -1 and 0.0",
        train(output, "--early-stopping-patience=-1"));
    assertThat(output).doesNotExist();
  }

  @Test
  void reportIsMadeAgainFromTheFolder() throws IOException {
    Path output = directory.resolve("report");
    succeed(output, STANDING_STILL, "--max-steps=2");
    String page = Files.readString(output.resolve("report.html"));
    Files.delete(output.resolve("report.html"));
    assertThat(CommandRun.succeed("report", "--run", output))
        .isEqualTo(output.resolve("report.html") + System.lineSeparator());
    assertThat(output.resolve("report.html")).hasContent(page);
    assertFails(
        1,
        directory + ": has no run.json, so no training run wrote it; name the --output of train",
        CommandRun.of("report", "--run", directory));
  }
}
