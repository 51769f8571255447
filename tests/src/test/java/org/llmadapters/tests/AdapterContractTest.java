package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.OptimizerConfig;
import org.llmadapters.training.ReplicatedFunction.Execution;
import org.llmadapters.training.TokenBatch;
import org.llmadapters.training.TrainingStep;
import org.llmadapters.training.UpdateRate;

/**
 * What every kind of adapter must do on every family of models. A new kind joins with an entry in
 * {@link #KINDS}, a new family with one in {@link #FAMILIES}, and both with the variables of their
 * pairs.
 */
final class AdapterContractTest {

  /**
   * One kind of adapter, in the configuration that is tested.
   *
   * @param config of the adapter
   * @param startsAsIdentity whether a new adapter must not change anything
   * @param merges whether it can be merged into the weights
   * @param trainable number of trained values in a model
   */
  private record Kind(
      AdapterConfig config,
      boolean startsAsIdentity,
      boolean merges,
      ToLongFunction<ModelConfig> trainable) {}

  private static final Map<AdapterKind, Kind> KINDS =
      Map.of(
          AdapterKind.LORA,
          new Kind(
              new LoraConfig(7, 14, 0, TargetModules.of("q_proj", "down_proj")),
              true,
              true,
              // r (in + out) for q_proj and for down_proj in each of the two layers
              config -> 2 * (7 * (12 + 3 * 4) + 7 * (20 + 12))));

  /** V=17, H=12, F=20, L=2, N=3, K=1, D=4. */
  private static final Map<Architecture, ModelConfig> FAMILIES =
      Map.of(
          Architecture.LLAMA,
          Architecture.LLAMA
              .family()
              .config(
                  new Sizes(17, 12, 20, 2, 64),
                  new AttentionConfig(3, 1, 4),
                  new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0))));

  private static final Map<List<Enum<?>>, List<String>> VARIABLES =
      Map.of(
          List.of(AdapterKind.LORA, Architecture.LLAMA),
          List.of(
              "model.layers.0.self_attn.q_proj.lora_A.weight",
              "model.layers.0.self_attn.q_proj.lora_B.weight",
              "model.layers.0.mlp.down_proj.lora_A.weight",
              "model.layers.0.mlp.down_proj.lora_B.weight",
              "model.layers.1.self_attn.q_proj.lora_A.weight",
              "model.layers.1.self_attn.q_proj.lora_B.weight",
              "model.layers.1.mlp.down_proj.lora_A.weight",
              "model.layers.1.mlp.down_proj.lora_B.weight"));

  /** Rows of 5 and 3 tokens. */
  private static final int[][] IDS = {{3, 16, 2, 7, 7}, {11, 2, 9, 0, 0}};

  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
  private static final int[][] LABELS = {{-100, 16, 2, 7, 7}, {-100, -100, 9, -100, -100}};

  @TempDir Path directory;

  private Path checkpoint = Path.of("");
  private Path adapterDirectory = Path.of("");

  @BeforeEach
  void nameDirectories() {
    checkpoint = directory.resolve("checkpoint");
    adapterDirectory = directory.resolve("adapter");
  }

  static Stream<Arguments> matrix() {
    List<Arguments> matrix = new ArrayList<>();
    for (AdapterKind kind : AdapterKind.values()) {
      for (Architecture family : Architecture.values()) {
        for (WeightDtype dtype : List.of(WeightDtype.FLOAT32, WeightDtype.BFLOAT16)) {
          matrix.add(Arguments.of(kind, family, dtype));
        }
      }
    }
    return matrix.stream();
  }

  @Test
  void everyKindAndEveryFamilyIsInTheMatrix() {
    assertThat(KINDS.keySet()).containsExactlyInAnyOrder(AdapterKind.values());
    assertThat(FAMILIES.keySet()).containsExactlyInAnyOrder(Architecture.values());
    List<List<Enum<?>>> pairs = new ArrayList<>();
    for (AdapterKind kind : AdapterKind.values()) {
      for (Architecture family : Architecture.values()) {
        pairs.add(List.of(kind, family));
      }
    }
    assertThat(VARIABLES.keySet()).containsExactlyInAnyOrderElementsOf(pairs);
    KINDS.forEach((name, kind) -> assertThat(kind.config().kind()).isEqualTo(name));
    FAMILIES.forEach(
        (name, config) -> assertThat(Architecture.of(config.modelType())).isEqualTo(name));
  }

  private static Kind kind(AdapterKind kind) {
    return Objects.requireNonNull(KINDS.get(kind), "no entry for " + kind);
  }

  private static ModelConfig config(Architecture family) {
    return Objects.requireNonNull(FAMILIES.get(family), "no entry for " + family);
  }

  private BaseModel base(Architecture family, WeightDtype dtype) throws IOException {
    TinyCheckpoint.write(checkpoint, config(family), dtype);
    Converter.convert(checkpoint, directory.resolve("base"), dtype, false);
    return BaseModel.open(directory.resolve("base"));
  }

  private static AdapterTrainee fresh(BaseModel base, AdapterKind kind) throws IOException {
    return AdapterTrainee.open(base, kind(kind).config(), null, 5, new SessionOptions(1));
  }

  private static float[] logits(AdapterTrainee trainee) {
    return new Forward(trainee.session(), trainee.inference().graph()).logits(IDS, MASK, false);
  }

  private static float[] logits(BaseModel base) {
    try (ModelSession session = new ModelSession(new SessionOptions(1))) {
      session.declare(base.graph().weights());
      session.restore(base.variables(), base.graph().weights());
      return new Forward(session, base.graph().graphDef()).logits(IDS, MASK, false);
    }
  }

  /** Updates on one batch; returns the losses before each. */
  private static List<Double> train(AdapterTrainee trainee, int steps, boolean xla) {
    TrainingStep step =
        new TrainingStep(
            trainee.session(),
            trainee.training(),
            OptimizerConfig.defaults(),
            new Execution(1, xla));
    List<Double> losses = new ArrayList<>();
    try (TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      for (int i = 1; i <= steps; i++) {
        losses.add(step.step(batch, new UpdateRate(i, 1e-2)).loss());
      }
    }
    return losses;
  }

  private static Map<Weight, float[]> values(AdapterTrainee trainee, List<Weight> weights) {
    Map<Weight, float[]> values = new LinkedHashMap<>();
    weights.forEach(weight -> values.put(weight, Forward.value(trainee.session(), weight)));
    return values;
  }

  @ParameterizedTest
  @MethodSource("matrix")
  void aNewAdapterChangesNothingWhereItsKindPromisesThat(
      AdapterKind kind, Architecture family, WeightDtype dtype) throws IOException {
    BaseModel base = base(family, dtype);
    try (AdapterTrainee trainee = fresh(base, kind)) {
      if (kind(kind).startsAsIdentity()) {
        assertThat(logits(trainee)).isEqualTo(logits(base));
      } else {
        assertThat(logits(trainee)).isNotEqualTo(logits(base));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("matrix")
  void threeStepsMoveEveryAdapterVariableAndNoBaseWeight(
      AdapterKind kind, Architecture family, WeightDtype dtype) throws IOException {
    BaseModel base = base(family, dtype);
    try (AdapterTrainee trainee = fresh(base, kind)) {
      Map<Weight, float[]> weights = values(trainee, base.graph().weights());
      Map<Weight, float[]> adapter = values(trainee, trainee.variables());
      train(trainee, 3, false);
      values(trainee, base.graph().weights())
          .forEach(
              (weight, value) ->
                  assertThat(value).as(weight.name()).isEqualTo(weights.get(weight)));
      values(trainee, trainee.variables())
          .forEach(
              (weight, value) ->
                  assertThat(value).as(weight.name()).isNotEqualTo(adapter.get(weight)));
    }
  }

  @ParameterizedTest
  @MethodSource("matrix")
  void theLossOfABatchFallsWhenItIsTrainedOn(
      AdapterKind kind, Architecture family, WeightDtype dtype) throws IOException {
    try (AdapterTrainee trainee = fresh(base(family, dtype), kind)) {
      List<Double> losses = train(trainee, 15, false);
      assertThat(losses.get(14)).isLessThan(0.7 * losses.get(0));
    }
  }

  /** Compiled in float32 only: XLA on the CPU widens bfloat16, with other roundings. */
  @Test
  void theCompiledStepTrainsAlike() throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    try (AdapterTrainee plain = fresh(base, AdapterKind.LORA);
        AdapterTrainee compiled = fresh(base, AdapterKind.LORA)) {
      List<Double> expected = train(plain, 5, false);
      List<Double> losses = train(compiled, 5, true);
      for (int i = 0; i < 5; i++) {
        // Roundings of 1e-7 grow with every step of Adam.
        assertThat(losses.get(i) / expected.get(i)).isBetween(1 - 1e-4, 1 + 1e-4);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("matrix")
  void aSavedAdapterGivesTheSameLogitsWhenOpenedAgain(
      AdapterKind kind, Architecture family, WeightDtype dtype) throws IOException {
    BaseModel base = base(family, dtype);
    float[] before;
    try (AdapterTrainee trainee = fresh(base, kind)) {
      train(trainee, 3, false);
      trainee.save(adapterDirectory);
      before = logits(trainee);
    }
    assertThat(before).isNotEqualTo(logits(base));
    try (PeftAdapter saved = PeftAdapter.read(adapterDirectory)) {
      assertThat(saved.config()).isEqualTo(kind(kind).config());
      try (AdapterTrainee trainee =
          AdapterTrainee.open(base, saved.config(), saved, 99, new SessionOptions(1))) {
        assertThat(logits(trainee)).isEqualTo(before);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("matrix")
  void mergedEqualsUnmergedOrMergingIsRefused(
      AdapterKind kind, Architecture family, WeightDtype dtype) throws IOException {
    BaseModel base = base(family, dtype);
    float[] unmerged;
    try (AdapterTrainee trainee = fresh(base, kind)) {
      train(trainee, 15, false);
      trainee.save(adapterDirectory);
      unmerged = logits(trainee);
    }
    Path output = directory.resolve("merged");
    if (!kind(kind).merges()) {
      assertThatThrownBy(
              () -> Merger.merge(checkpoint, adapterDirectory, output, Optional.empty(), false))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(output).doesNotExist();
      return;
    }
    Merger.merge(checkpoint, adapterDirectory, output, Optional.empty(), false);
    Converter.convert(output, directory.resolve("merged-base"), dtype, false);
    float[] merged = logits(BaseModel.open(directory.resolve("merged-base")));
    // bfloat16 keeps 8 bits: merging rounds every weight once more, by up to 0.4 %.
    double tolerance = dtype == WeightDtype.FLOAT32 ? 1e-5 : 0.05;
    Golden.assertCloseAtTokens("merged", merged, unmerged, MASK, tolerance);
    assertThat(merged).isNotEqualTo(logits(base));
  }

  @ParameterizedTest
  @MethodSource("matrix")
  void trainsExactlyItsOwnVariables(AdapterKind kind, Architecture family, WeightDtype dtype)
      throws IOException {
    BaseModel base = base(family, dtype);
    List<String> expected = Objects.requireNonNull(VARIABLES.get(List.of(kind, family)));
    try (AdapterTrainee trainee = fresh(base, kind)) {
      assertThat(trainee.variables())
          .extracting(Weight::name)
          .containsExactlyElementsOf(
              expected.stream().map(name -> "adapters.default." + name).toList());
      assertThat(trainee.variables()).allMatch(weight -> weight.dtype() == WeightDtype.FLOAT32);
      long trainable = kind(kind).trainable().applyAsLong(config(family));
      assertThat(trainee.variables().stream().mapToLong(Weight::elements).sum())
          .isEqualTo(trainable);
      assertThat(trainee.totalParameters()).isEqualTo(base.parameters() + trainable);
      trainee.save(adapterDirectory);
    }
    try (PeftAdapter saved = PeftAdapter.read(adapterDirectory)) {
      assertThat(saved.tensors().keySet()).containsExactlyInAnyOrderElementsOf(expected);
    }
    assertThat(Arrays.asList(adapterDirectory.toFile().list()))
        .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
  }
}
