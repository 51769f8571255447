package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.FullTrainee;
import org.llmadapters.training.Trainee;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.LossScale;
import org.llmadapters.training.step.LossScaling;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.StepOutcome;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;

/** Training in float16: gradients that are too small for it, and gradients that are too large. */
final class LossScaleTest {
  private static final String NORM = "model.norm.weight";

  /** Gradients of the blocks are around 2^-22 then, and float16 has steps of 2^-24 there. */
  private static final Map<String, Float> SMALL = Map.of(NORM, 0x1p-19f);

  /** Hidden states that are multiplied by this have infinite logits. */
  private static final Map<String, Float> LARGE = Map.of(NORM, 30000f);

  private static final LoraConfig LORA =
      new LoraConfig(3, 6, 0, TargetModules.of("q_proj", "down_proj"));

  @TempDir static Path shared;

  @TempDir Path directory;

  private static Path base(String name, WeightDtype dtype, Map<String, Float> factors)
      throws IOException {
    Path base = shared.resolve(name + "-" + dtype.hfName());
    if (!Files.exists(base)) {
      Path checkpoint = shared.resolve("checkpoint-" + name);
      if (!Files.exists(checkpoint)) {
        TinyCheckpoint.write(
            checkpoint, ContractFamilies.config(Architecture.LLAMA), WeightDtype.FLOAT16, factors);
      }
      Converter.convert(checkpoint, base, dtype, false);
    }
    return base;
  }

  private static Trainee adapter(String name, WeightDtype dtype, Map<String, Float> factors)
      throws IOException {
    Trainee trainee =
        AdapterTrainee.open(
            BaseModel.open(base(name, dtype, factors)), LORA, null, 5, new SessionOptions(1));
    return moved(trainee);
  }

  /** Away from the values of a new adapter, of which some are 0 and so the gradients of others. */
  private static Trainee moved(Trainee trainee) {
    Random random = new Random(6);
    for (Weight weight : trainee.variables()) {
      float[] values = trainee.session().value(weight);
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (0.1 * random.nextGaussian());
      }
      trainee.session().assign(Map.of(weight.name(), values));
    }
    return trainee;
  }

  private static TokenBatch batch() {
    Random random = new Random(3);
    int[][] ids = new int[2][12];
    int[][] mask = new int[2][12];
    for (int row = 0; row < 2; row++) {
      for (int i = 0; i < 12; i++) {
        mask[row][i] = row == 0 || i < 8 ? 1 : 0;
        ids[row][i] = mask[row][i] * (3 + random.nextInt(14));
      }
    }
    int[][] labels = new int[2][12];
    for (int row = 0; row < 2; row++) {
      for (int i = 0; i < 12; i++) {
        labels[row][i] = mask[row][i] == 1 ? ids[row][i] : -100;
      }
    }
    return TokenBatch.of(ids, mask, labels, 1);
  }

  private static TrainingStep step(Trainee trainee, Execution execution, LossScale scale) {
    return new TrainingStep(
        trainee.session(), trainee.training(), OptimizerConfig.defaults(), execution, scale);
  }

  private static Map<String, float[]> gradients(
      WeightDtype dtype, LossScaling scaling, StepMemory memory) throws IOException {
    try (Trainee trainee = adapter("small", dtype, SMALL);
        TokenBatch batch = batch()) {
      LossScale scale = new LossScale(trainee.session(), scaling);
      return step(trainee, new Execution(2, false, memory), scale).gradients(batch);
    }
  }

  /** The largest difference of all, as a part of the largest value of its tensor. */
  private static double error(Map<String, float[]> found, Map<String, float[]> expected) {
    double worst = 0;
    for (Map.Entry<String, float[]> tensor : expected.entrySet()) {
      float[] values = Objects.requireNonNull(found.get(tensor.getKey()));
      double largest = Golden.largest(tensor.getValue());
      for (int i = 0; i < values.length; i++) {
        worst = Math.max(worst, Math.abs(values[i] - tensor.getValue()[i]) / largest);
      }
    }
    return worst;
  }

  /**
   * Activations and gradients rounded to 11 bits, 5e-4, through two blocks are 4e-3 off in the end;
   * gradients rounded to multiples of 2^-24 are off by as much as they are large.
   */
  @Test
  void gradientsThatAreTooSmallForFloat16AreRightWhenScaled() throws IOException {
    StepMemory memory = StepMemory.defaults();
    Map<String, float[]> expected = gradients(WeightDtype.FLOAT32, LossScaling.OFF, memory);
    double scaled = error(gradients(WeightDtype.FLOAT16, LossScaling.DYNAMIC, memory), expected);
    double unscaled = error(gradients(WeightDtype.FLOAT16, LossScaling.OFF, memory), expected);
    assertThat(scaled).isLessThan(0.01);
    assertThat(unscaled).isGreaterThan(0.5);
    double inParts =
        error(
            gradients(WeightDtype.FLOAT16, LossScaling.DYNAMIC, new StepMemory(true, 1)), expected);
    assertThat(inParts).isLessThan(0.01);
  }

  /** A power of two moves exponents alone, and the division by the tokens rounds once or twice. */
  @Test
  void inFloat32AScaleChangesGradientsByRoundingAlone() throws IOException {
    StepMemory memory = StepMemory.defaults();
    assertThat(
            error(
                gradients(WeightDtype.FLOAT32, LossScaling.of("1024"), memory),
                gradients(WeightDtype.FLOAT32, LossScaling.OFF, memory)))
        .isLessThan(2e-6);
  }

  private static Map<String, float[]> state(Trainee trainee) {
    Map<String, float[]> state = new LinkedHashMap<>();
    for (Weight weight : trainee.variables()) {
      state.put(weight.name(), trainee.session().value(weight));
      OptimizerConfig.defaults()
          .optimizer()
          .state(weight)
          .forEach(kept -> state.put(kept.name(), trainee.session().value(kept)));
    }
    return state;
  }

  private static void assertSame(Map<String, float[]> found, Map<String, float[]> expected) {
    assertThat(found.keySet()).isEqualTo(expected.keySet());
    found.forEach((name, values) -> assertThat(values).as(name).isEqualTo(expected.get(name)));
  }

  /** With 2^21 the first gradients overflow; when they fit, training goes on. */
  @ParameterizedTest
  @CsvSource({
    "false, false, false",
    "true, false, false",
    "false, true, false",
    "false, false, true"
  })
  void stepsThatOverflowAreLeftOutUntilGradientsFit(boolean xla, boolean accumulated, boolean full)
      throws IOException {
    try (Trainee trainee =
            full
                ? FullTrainee.of(
                    BaseModel.open(base("plain", WeightDtype.FLOAT16, Map.of())),
                    new SessionOptions(1))
                : adapter("plain", WeightDtype.FLOAT16, Map.of());
        TokenBatch batch = batch()) {
      LossScale scale = new LossScale(trainee.session(), LossScaling.DYNAMIC);
      scale.restore(new LossScale.State(0x1p21, 7, 0));
      TrainingStep step = step(trainee, new Execution(1, xla), scale);
      Map<String, float[]> before = state(trainee);
      List<StepOutcome> outcomes = new ArrayList<>();
      long skipped;
      do {
        assertSame(state(trainee), before);
        skipped = scale.state().skipped();
        outcomes.add(one(step, batch, accumulated));
      } while (scale.state().skipped() > skipped);
      assertThat(skipped).isBetween(3L, 15L);
      assertThat(scale.state())
          .isEqualTo(new LossScale.State(Math.scalb(1.0, (int) (21 - skipped)), 1, skipped));
      state(trainee)
          .forEach((name, values) -> assertThat(values).as(name).isNotEqualTo(before.get(name)));
      StepOutcome last = outcomes.get(outcomes.size() - 1);
      assertThat(last.gradNorm()).isBetween(1e-3, 1e3);
      // The loss is reported unscaled, and the weights were the same all the time.
      assertThat(outcomes.stream().map(StepOutcome::loss)).containsOnly(last.loss());
      for (int i = 0; i < 5; i++) {
        one(step, batch, accumulated);
      }
      assertThat(one(step, batch, accumulated).loss()).isLessThan(last.loss());
    }
  }

  private static StepOutcome one(TrainingStep step, TokenBatch batch, boolean accumulated) {
    UpdateRate rate = new UpdateRate(1, 1e-2);
    if (!accumulated) {
      return step.step(batch, rate);
    }
    step.accumulate(batch);
    step.accumulate(batch);
    return step.applyAccumulated(rate);
  }

  private CommandRun train(int steps, Path base, Path run, Object... more) throws IOException {
    Path data =
        Files.writeString(
            directory.resolve("data.jsonl"),
            "{\"input_ids\": [1, 5, 6, 7, 5, 6, 7, 2]}\n{\"input_ids\": [1, 9, 8, 2]}\n");
    List<Object> line = new ArrayList<>(List.of("train", "--model", base, "--data", data));
    line.addAll(List.of("--output", run, "--adapter", "lora", "--target-modules", "q_proj"));
    line.addAll(List.of("--r", 4, "--lora-dropout", 0.1, "--max-steps", steps, "--save-steps", 2));
    line.addAll(List.of("--save-total-limit", 9, "--batch-size", 2, "--micro-batch-size", 2));
    line.addAll(List.of("--compile", "off", "--learning-rate", 1e-2, "--warmup-steps", 3));
    line.addAll(List.of(more));
    return CommandRun.of(line.toArray());
  }

  private Path succeed(Path base, String name, Object... more) throws IOException {
    Path run = directory.resolve(name);
    CommandRun done = train(10, base, run, more);
    assertThat(done.code()).as(done.err()).isZero();
    return run;
  }

  /** What --loss-scale off trains is what was trained before there was a scale. */
  @Test
  void onlyAFloat16BaseHasAScale() throws IOException {
    Path float32 = base("plain", WeightDtype.FLOAT32, Map.of());
    Path run = succeed(float32, "auto");
    assertThat(Json.read(run.resolve("summary.json")).has("skipped_steps")).isFalse();
    assertThat(Json.read(run.resolve("checkpoint-2/trainer_state.json")).has("loss_scale"))
        .isFalse();
    assertThat(TinyRun.metrics(run)).noneMatch(line -> line.has("loss_scale"));
    assertThat(succeed(float32, "off", "--loss-scale", "off").resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(run.resolve("adapter_model.safetensors"));
  }

  /** A run whose gradients overflow for some steps, killed after two of them. */
  @Test
  void goesOnWithTheScaleThatItHad() throws IOException {
    Path base = base("plain", WeightDtype.FLOAT16, Map.of());
    Path run = succeed(base, "run");
    assertThat(TinyRun.metrics(run).get(0).path("loss_scale").doubleValue()).isEqualTo(65536);
    Path file = run.resolve("checkpoint-2/trainer_state.json");
    ObjectNode state = Json.readObject(file);
    ((ObjectNode) state.path("loss_scale")).put("scale", 0x1p18);
    Json.write(file, state);

    succeed(base, "run", "--resume-from", "checkpoint-2");
    List<JsonNode> metrics = TinyRun.metrics(run);
    byte[] adapter = Files.readAllBytes(run.resolve("adapter_model.safetensors"));
    assertThat(metrics.get(2).path("loss_scale").doubleValue()).isEqualTo(0x1p18);
    long skipped = state.path("loss_scale").path("skipped_steps").longValue();
    for (int i = 2; i < 9; i++) {
      boolean overflow = metrics.get(i).path("grad_norm").isTextual();
      skipped += overflow ? 1 : 0;
      assertThat(metrics.get(i + 1).path("loss_scale").doubleValue())
          .isEqualTo(metrics.get(i).path("loss_scale").doubleValue() / (overflow ? 2 : 1));
      // Steps left out do not count for the schedule: the rate stays where it is.
      assertThat(
              metrics.get(i + 1).path("learning_rate").equals(metrics.get(i).path("learning_rate")))
          .isEqualTo(overflow);
    }
    assertThat(metrics.get(9).path("grad_norm").isNumber()).isTrue();
    assertThat(Json.read(run.resolve("summary.json")).path("skipped_steps").longValue())
        .isEqualTo(skipped)
        .isGreaterThanOrEqualTo(2);

    for (int step : List.of(6, 8, 10)) {
      OutputDirectory.delete(run.resolve("checkpoint-" + step));
    }
    Files.delete(run.resolve("adapter_model.safetensors"));
    succeed(base, "run", "--resume");
    assertThat(TinyRun.metrics(run)).isEqualTo(metrics);
    assertThat(run.resolve("adapter_model.safetensors")).hasBinaryContent(adapter);
    assertThat(Json.read(run.resolve("summary.json")).path("skipped_steps").longValue())
        .isEqualTo(skipped);

    Path last = run.resolve("checkpoint-10/trainer_state.json");
    ObjectNode without = Json.readObject(last);
    without.remove("loss_scale");
    Json.write(last, without);
    assertThat(train(10, base, run, "--resume").err())
        .isEqualTo("error: " + last + ": has no \"loss_scale\"\n");
  }

  /** What overflows is not the gradient: no scale helps, and the run says so. */
  @Test
  void aModelThatOverflowsItselfEndsTheRun() throws IOException {
    Path base = base("large", WeightDtype.FLOAT16, LARGE);
    Path run = directory.resolve("run");
    CommandRun done = train(30, base, run);
    assertThat(done.code()).isEqualTo(1);
    assertThat(done.err())
        .contains("error: step 17: the gradients are infinite or no numbers even with a loss scale")
        .contains("--dtype bfloat16");
    assertThat(Json.read(run.resolve("summary.json")).path("ending").asText()).isEqualTo("failed");
    assertThat(train(10, base, directory.resolve("off"), "--loss-scale", "off").err())
        .contains("step 1: loss NaN");
  }

  @Test
  void refusesWhatIsNoScale() throws IOException {
    CommandRun done =
        train(10, base("plain", WeightDtype.FLOAT32, Map.of()), directory, "--loss-scale", "big");
    assertThat(done.err())
        .isEqualTo(
            "error: --loss-scale must be auto, dynamic, off or a number from 1 to 2^60, got big\n");
    assertThat(done.code()).isEqualTo(2);
  }
}
