package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assertions.assertAll;
import static org.llmadapters.tests.Parity.ACTIVATIONS;
import static org.llmadapters.tests.Parity.ADAM;
import static org.llmadapters.tests.Parity.GRADIENTS;
import static org.llmadapters.tests.Parity.LOSS;
import static org.llmadapters.tests.Parity.PLAIN;
import static org.llmadapters.tests.Parity.checkLogits;
import static org.llmadapters.tests.Parity.checkLoss;
import static org.llmadapters.tests.Parity.lossFunction;
import static org.llmadapters.tests.Parity.step;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.Trainee;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.optimizer.LearningRateSchedule;
import org.llmadapters.training.optimizer.LearningRates;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.LossFunction;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepOutcome;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;

/**
 * Adapters on golden checkpoints, from PEFT's and LLM-Adapters' files to trained tensors, against
 * what these and PyTorch compute. Full tensors; logits where {@code attention_mask} is 1.
 */
final class HfAdapterParityTest {
  /**
   * Absolute, for values up to 1 after five steps of at most 3e-4 each: Adam's steps depend on the
   * ratio of gradients, which is as good as the smallest gradients are. The reference's own
   * versions differ by 7e-6.
   */
  private static final double AFTER_TRAINING = 1e-5;

  private static final String PREFIX = "base_model.model.";

  private static final String NEW_PEFT = "-peft-new";

  /** Families of which Hugging Face counts padding on the left as positions; we never do. */
  private static final Set<String> COUNTS_PADDING = Set.of("gpt_neo");

  /**
   * Families whose rotary positions it counts so, too, which shows where virtual tokens come first:
   * their distance to the tokens would depend on the padding.
   */
  private static final Set<String> COUNTS_PADDING_AFTER_VIRTUAL_TOKENS =
      Set.of("llama", "llama-gqa", "mistral", "qwen2", "gemma", "gptj", "gpt_neox", "gpt_neo");

  /** Of bases, which no test changes. */
  @TempDir static Path shared;

  @TempDir Path directory;

  /**
   * The adapter of a golden folder. Where only what an encoder gave is stored, the encoder's
   * weights are golden values, too.
   */
  private static AdapterTrainee trainee(String family, String adapter) throws IOException {
    BaseModel base = base(family);
    try (PeftAdapter peft = PeftAdapter.read(Golden.path(family + "/adapters/" + adapter));
        Golden golden = Golden.open(family + "/adapters/" + adapter.replace(NEW_PEFT, ""))) {
      List<String> encoder = golden.names("init.");
      AdapterTrainee trainee =
          AdapterTrainee.open(
              base, peft.config(), encoder.isEmpty() ? peft : null, 0, SessionOptions.oneReplica());
      for (String name : encoder) {
        trainee.session().assign(Map.of("adapters.default." + name, golden.floats("init." + name)));
      }
      return trainee;
    }
  }

  /** The family's base, converted once. */
  private static BaseModel base(String family) throws IOException {
    Path directory = shared.resolve(family);
    return Files.exists(directory)
        ? BaseModel.open(directory.resolve("base"))
        : Parity.base(directory, family + "/base", WeightDtype.FLOAT32);
  }

  /** Every adapter of every family; {@code X-peft-new} is {@code X} in other words. */
  static Stream<Arguments> adapters() {
    return families(family -> Golden.directories(family + "/adapters").stream());
  }

  private static Stream<Arguments> families(Function<String, Stream<String>> adapters) {
    return Golden.directories("").stream()
        .filter(family -> Golden.directories(family).contains("adapters"))
        .flatMap(family -> adapters.apply(family).map(adapter -> Arguments.of(family, adapter)));
  }

  @ParameterizedTest
  @MethodSource("adapters")
  void adapterComputesSavesAndLearnsAsInTheReference(String family, String adapter)
      throws IOException {
    try (AdapterTrainee trainee = trainee(family, adapter);
        Golden golden = Golden.open(family + "/adapters/" + adapter.replace(NEW_PEFT, ""))) {
      TrainingStep step = step(trainee, ADAM, PLAIN);
      LossFunction losses = lossFunction(trainee, PLAIN);
      assertAll(
          () -> checkLogitsAndLosses(family, trainee, losses, golden),
          () -> checkGradients(step, golden),
          () -> checkWritten(family, adapter, trainee));
      if (hasFiveSteps(family, adapter)) {
        checkFiveSteps(trainee, step, losses, golden);
      }
    }
  }

  private static void checkLogitsAndLosses(
      String family, AdapterTrainee trainee, LossFunction losses, Golden golden)
      throws IOException {
    boolean virtualTokens = Sites.virtualTokens(trainee.inference().graph()) > 0;
    checkLogits(trainee, golden, "right", ACTIVATIONS);
    checkLoss(losses, golden, "right.loss", golden.batch("right"));
    if (COUNTS_PADDING.contains(family)
        || (virtualTokens && COUNTS_PADDING_AFTER_VIRTUAL_TOKENS.contains(family))) {
      checkLoss(losses, golden, "right.loss", golden.batch("left"));
    } else {
      checkLogits(trainee, golden, "left", ACTIVATIONS);
      checkLoss(losses, golden, "left.loss", golden.batch("left"));
    }
  }

  private static void checkGradients(TrainingStep step, Golden golden) throws IOException {
    try (TokenBatch batch = golden.batch("right")) {
      checkGradients(step.gradients(batch), golden);
    }
  }

  private static void checkGradients(Map<String, float[]> gradients, Golden golden)
      throws IOException {
    assertThat(gradients.keySet().stream().map(HfAdapterParityTest::peftKey))
        .containsExactlyInAnyOrderElementsOf(golden.names("grad."));
    for (Map.Entry<String, float[]> gradient : gradients.entrySet()) {
      String key = peftKey(gradient.getKey());
      Golden.assertClose(key, gradient.getValue(), golden.floats("grad." + key), GRADIENTS);
    }
  }

  /**
   * {@code adapters.default.X} is {@code base_model.model.X} in a file of PEFT; what gives virtual
   * tokens is a module of its own there.
   */
  private static String peftKey(String variable) {
    assertThat(variable).startsWith("adapters.default.");
    String name = variable.substring("adapters.default.".length());
    if (name.equals("prompt_embeddings")) {
      return "prompt_encoder.embedding.weight";
    }
    return name.startsWith("prompt_encoder.") ? name : PREFIX + name;
  }

  /** Whether there are golden values of five steps. */
  private static boolean hasFiveSteps(String family, String adapter) throws IOException {
    if (!Files.exists(Golden.path(family + "/adapters/" + adapter).resolve("golden.safetensors"))) {
      return false;
    }
    try (Golden values = Golden.open(family + "/adapters/" + adapter)) {
      return !values.names("after.").isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lora",
        "lla-adapterh-learned",
        "lla-parallel",
        "ia3",
        "prefix",
        "prompt",
        "ptuning"
      })
  void fiveCompiledStepsGiveTheSameAdapter(String adapter) throws IOException {
    try (AdapterTrainee trainee = trainee("llama", adapter);
        Golden golden = Golden.open("llama/adapters/" + adapter)) {
      checkFiveSteps(
          trainee,
          step(trainee, ADAM, new Execution(1, true)),
          lossFunction(trainee, PLAIN),
          golden);
    }
  }

  private static void checkFiveSteps(
      Trainee trainee, TrainingStep step, LossFunction after, Golden golden) throws IOException {
    float[] losses = golden.floats("train.losses");
    for (int i = 0; i < 5; i++) {
      try (TokenBatch batch = golden.trainingBatch(i)) {
        StepOutcome outcome = step.step(batch, new UpdateRate(i + 1, 3e-4));
        assertThat(outcome.loss())
            .as("loss of step %d", i)
            .isCloseTo(losses[i], within(10 * LOSS * losses[i]));
      }
    }
    checkTrained(trainee, golden, "after.", "after_unstable.", AFTER_TRAINING);
    checkLoss(after, golden, "after.right.loss", golden.batch("right"));
  }

  private static void checkTrained(
      Trainee trainee, Golden golden, String prefix, String unstable, double limit)
      throws IOException {
    assertThat(trainee.variables()).isNotEmpty();
    for (var variable : trainee.variables()) {
      String key = peftKey(variable.name());
      float[] expected = golden.floats(prefix + key);
      Golden.assertClose(
          prefix + key,
          trainee.session().value(variable),
          expected,
          golden.marked(unstable + key, expected.length),
          limit);
    }
  }

  /**
   * HF divides the loss of each of the two micro batches by 2, we divide by the tokens of both. All
   * batches count 14 tokens, so that is the same.
   */
  static Stream<String> scheduled() {
    return Golden.directories("").stream()
        .filter(family -> Golden.directories(family).contains("adapters"))
        .filter(
            family -> Files.exists(Golden.path(family + "/adapters/lora").resolve("sched.json")));
  }

  @ParameterizedTest
  @MethodSource("scheduled")
  void accumulationClippingAndScheduleAreThoseOfTheTrainer(String family) throws IOException {
    JsonNode settings = Json.readObject(Golden.path(family + "/adapters/lora/sched.json"));
    OptimizerConfig optimizer =
        new OptimizerConfig(
            AdamW.defaults(),
            settings.required("weight_decay").doubleValue(),
            settings.required("max_grad_norm").doubleValue(),
            LearningRates.EQUAL);
    LearningRateSchedule schedule =
        new LearningRateSchedule(
            LearningRateSchedule.Kind.LINEAR,
            settings.required("lr").doubleValue(),
            settings.required("warmup_steps").longValue(),
            settings.required("training_steps").longValue());
    try (AdapterTrainee trainee = trainee(family, "lora");
        Golden golden = Golden.open(family + "/adapters/lora")) {
      TrainingStep step = step(trainee, optimizer, PLAIN);
      float[] rates = golden.floats("sched.lr");
      float[] norms = golden.floats("sched.grad_norm");
      float[] losses = golden.floats("sched.micro_losses");
      int clipped = 0;
      for (int i = 0; i < 5; i++) {
        for (int micro = 2 * i; micro < 2 * i + 2; micro++) {
          try (TokenBatch batch = golden.trainingBatch(micro % 5)) {
            step.accumulate(batch);
          }
        }
        assertThat(schedule.at(i)).as("rate of step %d", i).isCloseTo(rates[i], within(1e-9));
        StepOutcome outcome = step.applyAccumulated(new UpdateRate(i + 1, schedule.at(i)));
        assertThat(outcome.tokens()).isEqualTo(28);
        double loss = (losses[2 * i] + (double) losses[2 * i + 1]) / 2;
        assertThat(outcome.loss())
            .as("loss of step %d", i)
            .isCloseTo(loss, within(10 * LOSS * loss));
        assertThat(outcome.gradNorm())
            .as("norm of step %d", i)
            .isCloseTo(norms[i], within(GRADIENTS * norms[i]));
        clipped += norms[i] > optimizer.maxGradNorm() ? 1 : 0;
      }
      assertThat(clipped).as("clipped steps").isPositive();
      // Steps are up to 1e-2 here, thirty times those of the other test.
      checkTrained(trainee, golden, "sched.after.", "sched.unstable.", 3 * AFTER_TRAINING);
    }
  }

  /** XLA fuses and reorders float32 sums: 1e-5 of a value, and of the largest gradient. */
  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "bloom", "gptj", "gpt_neox", "gpt_neo"})
  void xlaChangesNoLossAndNoGradient(String family) throws IOException {
    try (AdapterTrainee trainee = trainee(family, "lora");
        Golden golden = Golden.open(family + "/adapters/lora");
        TokenBatch batch = golden.batch("left")) {
      Execution compiled = new Execution(1, true);
      double plainLoss = lossFunction(trainee, PLAIN).of(batch).mean();
      Map<String, float[]> plain = step(trainee, ADAM, PLAIN).gradients(batch);
      try (AdapterTrainee other = trainee(family, "lora")) {
        assertThat(lossFunction(other, compiled).of(batch).mean())
            .isCloseTo(plainLoss, within(1e-5 * plainLoss));
        Map<String, float[]> gradients = step(other, ADAM, compiled).gradients(batch);
        plain.forEach(
            (name, expected) ->
                Golden.assertClose(
                    name, Objects.requireNonNull(gradients.get(name)), expected, 1e-5));
      }
    }
  }

  /**
   * Two parts of two rows with different numbers of counted tokens; the sums of the parts are the
   * sums of the whole but for the order.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void twoReplicasEqualOne(boolean xla) throws IOException {
    try (AdapterTrainee trainee = trainee("llama", "lora");
        AdapterTrainee other = trainee("llama", "lora");
        Golden golden = Golden.open("llama/adapters/lora")) {
      TokenBatch one = fourRows(golden);
      TokenBatch two = fourRows(golden);
      try (one;
          two) {
        TrainingStep whole = step(trainee, ADAM, new Execution(1, xla));
        TrainingStep parts = step(other, ADAM, new Execution(2, xla));
        Map<String, float[]> expected = whole.gradients(one);
        Map<String, float[]> gradients = parts.gradients(two);
        expected.forEach(
            (name, gradient) ->
                Golden.assertClose(
                    name, Objects.requireNonNull(gradients.get(name)), gradient, 1e-5));
        StepOutcome first = whole.step(one, new UpdateRate(1, 3e-4));
        StepOutcome second = parts.step(two, new UpdateRate(1, 3e-4));
        assertThat(second.tokens()).isEqualTo(first.tokens());
        assertThat(second.loss()).isCloseTo(first.loss(), within(LOSS * first.loss()));
      }
    }
  }

  /** The three rows, and the first one again, all of whose tokens are labels then. */
  private static TokenBatch fourRows(Golden golden) throws IOException {
    int[][] ids = golden.matrix("right.input_ids");
    int[][] mask = golden.matrix("right.attention_mask");
    int[][] labels = golden.matrix("right.labels");
    return TokenBatch.of(
        new int[][] {ids[0], ids[1], ids[2], ids[0]},
        new int[][] {mask[0], mask[1], mask[2], mask[0]},
        new int[][] {labels[0], labels[1], labels[2], ids[0]},
        0);
  }

  /** An adapter that we write is read back identical. */
  private void checkWritten(String family, String adapter, AdapterTrainee trainee)
      throws IOException {
    Path written = directory.resolve("adapter");
    trainee.save(written);
    boolean encoded =
        trainee.variables().stream()
            .anyMatch(variable -> variable.name().contains("prompt_encoder."));
    try (PeftAdapter ours = PeftAdapter.read(written);
        PeftAdapter theirs = PeftAdapter.read(Golden.path(family + "/adapters/" + adapter))) {
      assertThat(ours.config()).isEqualTo(theirs.config());
      assertThat(ours.tensors().keySet()).isEqualTo(theirs.tensors().keySet());
      List<AdapterParameter> parameters =
          Splicer.splice(
                  base(family).graph().graphDef(), ours.config(), "default", Splicer.Mode.INFERENCE)
              .parameters();
      ours.check(parameters, family);
      for (AdapterParameter parameter : parameters) {
        // What an encoder gave is computed again: 1e-6, some roundings of sums of 32 products.
        Golden.assertClose(
            parameter.name(),
            ours.tensor(parameter.name()),
            theirs.tensor(parameter.name()),
            encoded ? 1e-6 : 1e-30);
      }
    }
    assertThat(written.toFile().list())
        .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
  }
}
