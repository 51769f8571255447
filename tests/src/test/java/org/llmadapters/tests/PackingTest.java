package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llmadapters.tests.ContractFamilies.config;
import static org.llmadapters.tests.ContractKinds.kind;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.FullTrainee;
import org.llmadapters.training.Trainee;
import org.llmadapters.training.data.Arrangement;
import org.llmadapters.training.data.Batch;
import org.llmadapters.training.data.BatchConfig;
import org.llmadapters.training.data.Batches;
import org.llmadapters.training.data.Buckets;
import org.llmadapters.training.data.Example;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.LossFunction;
import org.llmadapters.training.step.ReplicatedFunction.Computation;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.StepMemory;
import org.llmadapters.training.step.StepOutcome;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;

/**
 * Examples that share a row have the losses, and give the gradients, that they have and give in
 * rows of their own: for every way of telling positions, and for every kind of adapter.
 */
final class PackingTest {
  /** Longer than the windows of the families that have one; one has a prompt. */
  private static final List<Example> EXAMPLES =
      List.of(
          example(new int[] {3, 16, 2, 7, 7}, 1),
          example(new int[] {11, 2, 9}, 1),
          example(new int[] {5, 5, 1, 14}, 2),
          example(new int[] {8, 13}, 1));

  /** Rows of 2, 3, 4 and 5 tokens. */
  private static final BatchConfig ALONE =
      new BatchConfig(4, Arrangement.IN_ORDER, new Buckets(List.of(5)), 0, false, 0);

  /** Rows of 5 + 4 tokens and of 3 + 2, one for each replica. */
  private static final BatchConfig PACKED =
      new BatchConfig(2, Arrangement.PACKED, new Buckets(List.of(10)), 0, false, 0);

  /**
   * Of the largest value: float32 keeps 6e-8 of one, and sums of other lengths are added in another
   * order, forwards and backwards through two blocks.
   */
  private static final double TOLERANCE = 1e-5;

  @TempDir static Path shared;

  private static Example example(int[] inputIds, int promptTokens) {
    int[] labels = inputIds.clone();
    Arrays.fill(labels, 0, promptTokens, Example.IGNORED_LABEL);
    return new Example(inputIds, labels);
  }

  /** Each way of telling positions with and without virtual tokens, and each kind of adapter. */
  static Stream<Arguments> plain() {
    return Stream.of(
        Arguments.of(AdapterKind.LORA, Architecture.OPT),
        Arguments.of(AdapterKind.LORA, Architecture.GPT_J),
        Arguments.of(AdapterKind.SERIES, Architecture.BLOOM),
        Arguments.of(AdapterKind.PARALLEL, Architecture.MISTRAL),
        Arguments.of(AdapterKind.IA3, Architecture.GPT_2),
        Arguments.of(AdapterKind.PREFIX, Architecture.BLOOM),
        Arguments.of(AdapterKind.PREFIX, Architecture.GPT_NEO),
        Arguments.of(AdapterKind.PROMPT, Architecture.LLAMA),
        Arguments.of(AdapterKind.PROMPT, Architecture.OPT),
        Arguments.of(AdapterKind.P_TUNING, Architecture.MISTRAL));
  }

  static Stream<Arguments> compiled() {
    return Stream.of(
        Arguments.of(AdapterKind.LORA, Architecture.GPT_NEO),
        Arguments.of(AdapterKind.PREFIX, Architecture.MISTRAL));
  }

  private static BaseModel base(Architecture family) throws IOException {
    Path base = shared.resolve("base-" + family);
    if (!Files.exists(base)) {
      Path checkpoint = shared.resolve("checkpoint-" + family);
      TinyCheckpoint.write(checkpoint, config(family), WeightDtype.FLOAT32);
      Converter.convert(checkpoint, base, WeightDtype.FLOAT32, false);
    }
    return BaseModel.open(base);
  }

  /** Not at the values a new adapter has, of which some are 0 and so the gradients of others. */
  private static AdapterTrainee adapter(AdapterKind kind, Architecture family) throws IOException {
    AdapterTrainee trainee =
        AdapterTrainee.open(
            base(family), kind(kind).config().apply(family), null, 5, SessionOptions.oneReplica());
    Random random = new Random(6);
    Map<String, float[]> values = new LinkedHashMap<>();
    Forward.values(trainee.session(), trainee.variables())
        .forEach((weight, initial) -> values.put(weight.name(), initial));
    for (float[] value : values.values()) {
      for (int i = 0; i < value.length; i++) {
        value[i] += (float) (0.2 * random.nextGaussian());
      }
    }
    trainee.session().assign(values);
    return trainee;
  }

  @ParameterizedTest
  @MethodSource("plain")
  void packedExamplesTrainAnAdapterAsTheyDoAlone(AdapterKind kind, Architecture family)
      throws IOException {
    try (AdapterTrainee trainee = adapter(kind, family)) {
      check(trainee, false);
    }
  }

  @ParameterizedTest
  @MethodSource("compiled")
  void compiledTheyDoSoToo(AdapterKind kind, Architecture family) throws IOException {
    try (AdapterTrainee trainee = adapter(kind, family)) {
      check(trainee, true);
    }
  }

  /**
   * Blocks computed again read the same documents. Rounding of both, since TensorFlow fuses other
   * operations in a block that is computed again.
   */
  @ParameterizedTest
  @CsvSource({
    "LORA, MISTRAL, false",
    "LORA, OPT, false",
    "PREFIX, BLOOM, false",
    "PROMPT, LLAMA, false",
    "LORA, GPT_NEO, true"
  })
  void packedBlocksComputedAgainGiveTheGradientsOfExamplesAlone(
      AdapterKind kind, Architecture family, boolean xla) throws IOException {
    StepMemory recomputed = new StepMemory(true, StepMemory.LOGITS_AT_ONCE);
    try (AdapterTrainee again = adapter(kind, family);
        AdapterTrainee kept = adapter(kind, family)) {
      Golden.assertClose(
          "gradients",
          gradients(step(again, new Execution(2, xla, recomputed)), PACKED),
          gradients(step(kept, new Execution(1, false)), ALONE),
          2 * TOLERANCE);
      Golden.assertClose(
          "losses",
          losses(
              again.session(),
              again.inference().ofDocuments(),
              PACKED,
              new Execution(2, xla, recomputed)),
          losses(kept.session(), kept.inference(), ALONE, new Execution(1, false)),
          TOLERANCE);
    }
  }

  /** With learned positions, whose gradients add up over the documents. */
  @Test
  void packedExamplesTrainAllWeightsAsTheyDoAlone() throws IOException {
    try (FullTrainee trainee =
        FullTrainee.of(base(Architecture.OPT), SessionOptions.oneReplica())) {
      check(trainee, false);
    }
  }

  /**
   * The losses are those of the graph without documents. The gradients are all of the graph with
   * them, since a session trains one: they follow from the losses.
   */
  private static void check(Trainee trainee, boolean xla) {
    Computation documents = trainee.inference().ofDocuments();
    Golden.assertClose(
        "losses",
        losses(trainee.session(), documents, PACKED, new Execution(2, xla)),
        losses(trainee.session(), trainee.inference(), ALONE, new Execution(1, xla)),
        TOLERANCE);
    TrainingStep step = step(trainee, new Execution(2, xla));
    // Some gradients are sums that are 0 but for rounding, as of biases of keys: so the largest
    // value of all is the measure.
    Golden.assertClose("gradients", gradients(step, PACKED), gradients(step, ALONE), TOLERANCE);
  }

  private static TrainingStep step(Trainee trainee, Execution execution) {
    return new TrainingStep(
        trainee.session(), trainee.training().ofDocuments(), OptimizerConfig.defaults(), execution);
  }

  private static float[] flat(Map<String, float[]> gradients) {
    float[] all = new float[gradients.values().stream().mapToInt(values -> values.length).sum()];
    int next = 0;
    for (float[] values : gradients.values()) {
      System.arraycopy(values, 0, all, next, values.length);
      next += values.length;
    }
    return all;
  }

  /** The loss of each example, the others being there without labels. */
  private static float[] losses(
      ModelSession session, Computation computation, BatchConfig config, Execution execution) {
    LossFunction function = new LossFunction(session, computation, execution);
    float[] losses = new float[EXAMPLES.size()];
    for (int counted = 0; counted < losses.length; counted++) {
      int only = counted;
      List<Example> examples =
          IntStream.range(0, losses.length)
              .mapToObj(
                  i -> {
                    Example example = EXAMPLES.get(i);
                    return i == only ? example : example(example.inputIds(), example.length());
                  })
              .toList();
      try (TokenBatch batch = tensors(new Batches(examples, config).at(0))) {
        LossFunction.Sum sum = function.of(batch);
        assertThat(sum.tokens()).isEqualTo(EXAMPLES.get(counted).countedTokens());
        losses[counted] = (float) sum.loss();
      }
    }
    return losses;
  }

  private static float[] gradients(TrainingStep step, BatchConfig config) {
    Batches batches = new Batches(EXAMPLES, config);
    assertThat(batches.perEpoch()).isEqualTo(1);
    try (TokenBatch batch = tensors(batches.at(0))) {
      return flat(step.gradients(batch));
    }
  }

  private static TokenBatch tensors(Batch batch) {
    return TokenBatch.of(batch.inputIds(), batch.attentionMask(), batch.labels(), 1);
  }

  /** Rows of padding alone, and rows of which nothing is to be predicted. */
  @Test
  void aBatchThatCountsNothingChangesNothing() throws IOException {
    try (AdapterTrainee trainee = adapter(AdapterKind.LORA, Architecture.LLAMA)) {
      Map<Weight, float[]> before = Forward.values(trainee.session(), trainee.variables());
      TrainingStep step =
          new TrainingStep(
              trainee.session(),
              trainee.training().ofDocuments(),
              OptimizerConfig.defaults(),
              new Execution(1, false));
      int[][] ignored = {{-100, -100, -100}, {-100, -100, -100}};
      int[][] documents = {{0, 0, 0}, {1, 2, 2}};
      try (TokenBatch batch =
          TokenBatch.of(new int[][] {{0, 0, 0}, {3, 5, 7}}, documents, ignored, 1)) {
        assertThat(step.step(batch, new UpdateRate(1, 1e-2))).isEqualTo(new StepOutcome(0, 0, 0));
      }
      Forward.values(trainee.session(), trainee.variables())
          .forEach(
              (weight, values) ->
                  assertThat(values).as(weight.name()).isEqualTo(before.get(weight)));
    }
  }
}
