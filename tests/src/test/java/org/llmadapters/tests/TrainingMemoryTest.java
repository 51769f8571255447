package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.FullTrainee;
import org.llmadapters.training.Trainee;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.LossFunction;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;

/** What saves memory in training must not change what is trained. */
final class TrainingMemoryTest {
  private static final int LENGTH = 21;
  private static final int[][] IDS = new int[2][LENGTH];
  private static final int[][] MASK = new int[2][LENGTH];
  private static final int[][] LABELS = new int[2][LENGTH];

  static {
    Random random = new Random(3);
    for (int row = 0; row < 2; row++) {
      for (int i = 0; i < LENGTH; i++) {
        boolean real = row == 0 || i < 13;
        IDS[row][i] = real ? 3 + random.nextInt(14) : 0;
        MASK[row][i] = real ? 1 : 0;
        LABELS[row][i] = real && i > 3 ? IDS[row][i] : -100;
      }
    }
  }

  private static final StepMemory RECOMPUTED = new StepMemory(true, StepMemory.LOGITS_AT_ONCE);

  /** Three parts: as few columns as there may be, 8, 8 and 5. */
  private static final StepMemory IN_PARTS = new StepMemory(false, 1);

  private static final StepMemory BOTH = new StepMemory(true, 1);

  /** Some sums of float32 are taken in another order. */
  private static final double ROUNDING = 1e-5;

  @TempDir static Path shared;

  private static BaseModel base(Architecture family, WeightDtype dtype) throws IOException {
    Path base = shared.resolve("base-" + family + "-" + dtype);
    if (!Files.exists(base)) {
      Path checkpoint = shared.resolve("checkpoint-" + family + "-" + dtype);
      TinyCheckpoint.write(checkpoint, ContractFamilies.config(family), dtype);
      Converter.convert(checkpoint, base, dtype, false);
    }
    return BaseModel.open(base);
  }

  private static AdapterTrainee adapter(BaseModel base, AdapterKind kind) throws IOException {
    return AdapterTrainee.open(
        base,
        ContractKinds.kind(kind).config().apply(Architecture.of(base.config().modelType())),
        null,
        5,
        SessionOptions.oneReplica());
  }

  /** Opens what is trained, the same every time. */
  private interface Opening {
    Trainee open() throws IOException;
  }

  private static Map<String, float[]> gradients(Opening opening, StepMemory memory, boolean xla)
      throws IOException {
    try (Trainee trainee = opening.open();
        TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      Random random = new Random(7);
      for (Weight weight : trainee.variables()) {
        float[] values = trainee.session().value(weight);
        for (int i = 0; i < values.length; i++) {
          values[i] += (float) (0.1 * random.nextGaussian());
        }
        trainee.session().assign(Map.of(weight.name(), values));
      }
      TrainingStep step =
          new TrainingStep(
              trainee.session(),
              trainee.training(),
              OptimizerConfig.defaults(),
              new Execution(1, xla, memory));
      return step.gradients(batch);
    }
  }

  private static void assertSame(Map<String, float[]> found, Map<String, float[]> expected) {
    assertThat(found.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, gradient) -> assertThat(found.get(name)).as(name).isEqualTo(gradient));
  }

  /**
   * A gradient that is nothing but rounding, as that of OPT's key biases, is measured by others.
   */
  private static void assertClose(Map<String, float[]> found, Map<String, float[]> expected) {
    assertThat(found.keySet()).isEqualTo(expected.keySet());
    double largest = expected.values().stream().mapToDouble(Golden::largest).max().orElseThrow();
    expected.forEach(
        (name, gradient) ->
            Golden.assertClose(
                name,
                Objects.requireNonNull(found.get(name)),
                gradient,
                new boolean[gradient.length],
                ROUNDING * Math.max(Golden.largest(gradient), 0.01 * largest)));
  }

  @ParameterizedTest
  @EnumSource(AdapterKind.class)
  void computingBlocksAgainIsForEveryAdapter(AdapterKind kind) throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    Opening opening = () -> adapter(base, kind);
    assertClose(
        gradients(opening, RECOMPUTED, false), gradients(opening, StepMemory.defaults(), false));
  }

  /**
   * TensorFlow fuses an activation with what it is applied to where nothing else reads that, which
   * rounds differently: in the forward pass of a block that is computed again, not in one that is
   * kept. A ReLU behind a product with a bias is not.
   */
  @Test
  void computingBlocksAgainChangesNoBitWhereNothingIsFused() throws IOException {
    BaseModel base = base(Architecture.OPT, WeightDtype.FLOAT32);
    Opening opening = () -> adapter(base, AdapterKind.LORA);
    assertSame(
        gradients(opening, RECOMPUTED, false), gradients(opening, StepMemory.defaults(), false));
  }

  @ParameterizedTest
  @EnumSource(
      value = Architecture.class,
      names = {"LLAMA", "QWEN3", "GEMMA", "BLOOM", "GPT_J", "GPT_NEO", "GPT_2"})
  void computingBlocksAgainChangesGradientsByRoundingAlone(Architecture family) throws IOException {
    BaseModel base = base(family, WeightDtype.FLOAT32);
    Opening opening = () -> adapter(base, AdapterKind.LORA);
    assertClose(
        gradients(opening, RECOMPUTED, false), gradients(opening, StepMemory.defaults(), false));
  }

  /** Dropout draws the same mask again; all weights, tied and untied, get their gradients. */
  @ParameterizedTest
  @EnumSource(
      value = Architecture.class,
      names = {"LLAMA", "OPT"})
  void allWeightsAreTrainedByRecomputedBlocksAndALossInParts(Architecture family)
      throws IOException {
    BaseModel base = base(family, WeightDtype.FLOAT32);
    Opening opening = () -> FullTrainee.of(base, SessionOptions.oneReplica());
    Map<String, float[]> plain = gradients(opening, StepMemory.defaults(), false);
    assertClose(gradients(opening, RECOMPUTED, false), plain);
    assertClose(gradients(opening, BOTH, false), plain);
  }

  @Test
  void aRecomputedBlockDropsTheSameElements() throws IOException {
    BaseModel base = base(Architecture.OPT, WeightDtype.FLOAT32);
    LoraConfig dropping =
        new LoraConfig(3, 6, 0.4, TargetModules.of("q_proj", "v_proj", "fc1", "fc2"));
    Opening opening =
        () -> AdapterTrainee.open(base, dropping, null, 5, SessionOptions.oneReplica());
    assertClose(
        gradients(opening, RECOMPUTED, false), gradients(opening, StepMemory.defaults(), false));
  }

  @ParameterizedTest
  @EnumSource(AdapterKind.class)
  void aLossInPartsGivesTheSameGradients(AdapterKind kind) throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    Opening opening = () -> adapter(base, kind);
    Map<String, float[]> plain = gradients(opening, StepMemory.defaults(), false);
    assertClose(gradients(opening, IN_PARTS, false), plain);
    assertClose(gradients(opening, BOTH, false), plain);
  }

  /** Adapted and trained whole, the output layer is computed in parts as well. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theOutputLayerIsTrainedByALossInParts(boolean whole) throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    LoraConfig config =
        new LoraConfig(
            3,
            6,
            false,
            0,
            whole ? TargetModules.of("q_proj") : TargetModules.of("q_proj", "lm_head"),
            LoraPatterns.NONE,
            new LoraVariant(
                false,
                LoraInit.DEFAULT,
                TrainedBias.NONE,
                whole ? List.of("lm_head", "norm") : List.of()));
    Opening opening = () -> AdapterTrainee.open(base, config, null, 5, SessionOptions.oneReplica());
    assertClose(
        gradients(opening, IN_PARTS, false), gradients(opening, StepMemory.defaults(), false));
  }

  @Test
  void compiledItIsTheSame() throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    Opening opening = () -> adapter(base, AdapterKind.LORA);
    assertClose(gradients(opening, BOTH, true), gradients(opening, StepMemory.defaults(), false));
  }

  @Test
  void theLossAloneIsTheSameInParts() throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    try (AdapterTrainee trainee = adapter(base, AdapterKind.PROMPT);
        TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      LossFunction.Sum whole = loss(trainee, StepMemory.defaults()).of(batch);
      LossFunction.Sum inParts;
      try (AdapterTrainee other = adapter(base, AdapterKind.PROMPT)) {
        inParts = loss(other, IN_PARTS).of(batch);
      }
      assertThat(inParts.tokens()).isEqualTo(whole.tokens());
      assertThat(inParts.loss()).isCloseTo(whole.loss(), withinPercentage(1e-4));
    }
  }

  private static LossFunction loss(Trainee trainee, StepMemory memory) {
    return new LossFunction(
        trainee.session(), trainee.inference(), new Execution(1, false, memory));
  }
}
