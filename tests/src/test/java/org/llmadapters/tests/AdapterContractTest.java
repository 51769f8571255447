package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
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
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.adapters.BottleneckConfig.Placement;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.MergeConfig;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.OptimizerConfig;
import org.llmadapters.training.ReplicatedFunction.Execution;
import org.llmadapters.training.TokenBatch;
import org.llmadapters.training.TrainingStep;
import org.llmadapters.training.UpdateRate;

/**
 * What every kind of adapter must do on every family of models. A new kind joins with an entry in
 * {@link #KINDS}, a new family with one in {@link #FAMILIES} and one in {@link #MODULES}.
 */
final class AdapterContractTest {

  /**
   * One kind of adapter, in the configuration that is tested.
   *
   * @param config of the adapter for a family
   * @param modules that it is for, relative to a block
   * @param startsAsIdentity whether a new adapter must not change anything
   * @param merges whether it can be merged into the weights
   * @param parameters names of the trained tensors of a module
   * @param trainable number of trained values in a model
   */
  private record Kind(
      Function<Architecture, AdapterConfig> config,
      Function<Architecture, List<String>> modules,
      boolean startsAsIdentity,
      boolean merges,
      List<String> parameters,
      ToLongFunction<ModelConfig> trainable) {}

  private static final Map<AdapterKind, Kind> KINDS =
      Map.of(
          AdapterKind.LORA,
          new Kind(
              family -> new LoraConfig(7, 14, 0, targets(family, attentionAndMlp(family))),
              AdapterContractTest::attentionAndMlp,
              true,
              true,
              List.of("lora_A.weight", "lora_B.weight"),
              // r (in + out) for both modules in each of the two layers
              config -> {
                int hidden = config.sizes().hiddenSize();
                int queries = isFused(config) ? 3 * hidden : hidden;
                return 2 * (7L * (hidden + queries) + 7L * (20 + hidden));
              }),
          AdapterKind.SERIES,
          new Kind(
              family ->
                  new BottleneckConfig(
                      7,
                      Activation.TANH,
                      0,
                      OptionalDouble.of(2),
                      InitWeights.BERT,
                      Placement.ADAPTER_H,
                      targets(family, mlp(family))),
              AdapterContractTest::mlp,
              false,
              false,
              List.of("adapter_down.weight", "adapter_up.weight"),
              // both projections carry a bottleneck from the hidden states to themselves
              config -> 2 * 2 * 2 * 7L * config.sizes().hiddenSize()),
          AdapterKind.PARALLEL,
          new Kind(
              family ->
                  new BottleneckConfig(
                      7,
                      Activation.GELU,
                      0,
                      OptionalDouble.empty(),
                      InitWeights.MAM_ADAPTER,
                      Placement.PARALLEL,
                      targets(family, attentionAndMlp(family))),
              AdapterContractTest::attentionAndMlp,
              true,
              false,
              List.of("adapter_down.weight", "adapter_up.weight", "adapter_scaling"),
              // as LoRA, and one scale for each module
              config -> {
                int hidden = config.sizes().hiddenSize();
                int queries = isFused(config) ? 3 * hidden : hidden;
                return 2 * (7L * (hidden + queries) + 1 + 7L * (20 + hidden) + 1);
              }));

  private static final TokenIds TOKEN_IDS =
      new TokenIds(OptionalInt.of(1), List.of(2), OptionalInt.of(0));

  /** V=17, H=12, F=20, L=2, N=3, D=4; K=1 or windows where the family has them. */
  private static final Map<Architecture, ModelConfig> FAMILIES = new EnumMap<>(Architecture.class);

  static {
    AttentionConfig grouped = new AttentionConfig(3, 1, 4);
    AttentionConfig windowed = new AttentionConfig(3, 1, 4, List.of(3, 3));
    AttentionConfig alternating = new AttentionConfig(3, 3, 4, List.of(0, 3));
    AttentionConfig plain = new AttentionConfig(3, 3, 4);
    Map<Architecture, AttentionConfig> attentions =
        Map.ofEntries(
            Map.entry(Architecture.LLAMA, grouped),
            Map.entry(Architecture.MISTRAL, windowed),
            Map.entry(Architecture.QWEN2, grouped),
            Map.entry(Architecture.QWEN3, grouped),
            Map.entry(Architecture.GEMMA, grouped),
            Map.entry(Architecture.BLOOM, plain),
            Map.entry(Architecture.OPT, plain),
            Map.entry(Architecture.GPT_J, plain),
            Map.entry(Architecture.GPT_NEOX, new AttentionConfig(3, 3, 8)),
            Map.entry(Architecture.GPT_NEO, alternating),
            Map.entry(Architecture.GPT_2, plain));
    attentions.forEach(
        (family, attention) ->
            FAMILIES.put(
                family,
                family
                    .family()
                    .config(
                        new Sizes(17, attention.headDim() * 3, 20, 2, 64), attention, TOKEN_IDS)));
  }

  /** The path of a block, the projection to queries in it, and the last one of its MLP. */
  private static final Map<Architecture, List<String>> MODULES =
      Map.ofEntries(
          Map.entry(
              Architecture.LLAMA, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.MISTRAL, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.QWEN2, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.QWEN3, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.GEMMA, List.of("model.layers.", "self_attn.q_proj", "mlp.down_proj")),
          Map.entry(
              Architecture.BLOOM,
              List.of("transformer.h.", "self_attention.query_key_value", "mlp.dense_4h_to_h")),
          Map.entry(Architecture.OPT, List.of("model.decoder.layers.", "self_attn.q_proj", "fc2")),
          Map.entry(Architecture.GPT_J, List.of("transformer.h.", "attn.q_proj", "mlp.fc_out")),
          Map.entry(
              Architecture.GPT_NEOX,
              List.of("gpt_neox.layers.", "attention.query_key_value", "mlp.dense_4h_to_h")),
          Map.entry(
              Architecture.GPT_NEO,
              List.of("transformer.h.", "attn.attention.q_proj", "mlp.c_proj")),
          Map.entry(Architecture.GPT_2, List.of("transformer.h.", "attn.c_attn", "mlp.c_proj")));

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

  /** In bfloat16 one kind on every family, the others on one. */
  static Stream<Arguments> matrix() {
    List<Arguments> matrix = new ArrayList<>();
    for (AdapterKind kind : AdapterKind.values()) {
      for (Architecture family : Architecture.values()) {
        for (WeightDtype dtype : List.of(WeightDtype.FLOAT32, WeightDtype.BFLOAT16)) {
          if (dtype == WeightDtype.FLOAT32
              || kind == AdapterKind.LORA
              || family == Architecture.LLAMA) {
            matrix.add(Arguments.of(kind, family, dtype));
          }
        }
      }
    }
    return matrix.stream();
  }

  @Test
  void everyKindAndEveryFamilyIsInTheMatrix() {
    assertThat(KINDS.keySet()).containsExactlyInAnyOrder(AdapterKind.values());
    assertThat(FAMILIES.keySet()).containsExactlyInAnyOrder(Architecture.values());
    assertThat(MODULES.keySet()).containsExactlyInAnyOrder(Architecture.values());
    KINDS.forEach(
        (name, kind) -> {
          assertThat(kind.config().apply(Architecture.LLAMA).kind()).isEqualTo(name);
          assertThat(kind.merges()).isEqualTo(name.merges());
        });
    FAMILIES.forEach(
        (name, config) -> assertThat(Architecture.of(config.modelType())).isEqualTo(name));
  }

  private static boolean isFused(ModelConfig config) {
    return Set.of("bloom", "gpt_neox", "gpt2").contains(config.modelType());
  }

  private static List<String> modules(Architecture family) {
    return Objects.requireNonNull(MODULES.get(family), "no entry for " + family);
  }

  private static List<String> attentionAndMlp(Architecture family) {
    return modules(family).subList(1, 3);
  }

  /** The first projection of an MLP, and the last. */
  private static List<String> mlp(Architecture family) {
    String last = modules(family).get(2);
    String path = last.substring(0, last.lastIndexOf('.') + 1);
    return List.of(path + family.spec().names().mlp().up(), last);
  }

  /** Whole paths: GPT-2 calls two modules c_proj. */
  private static TargetModules targets(Architecture family, List<String> modules) {
    String block = modules(family).get(0).replace(".", "\\.") + "[01]\\.";
    return new TargetModules.Regex(block + "(" + String.join("|", modules) + ")");
  }

  /** Names of the variables of an adapter at both modules of both layers. */
  private static List<String> variables(Architecture family, Kind kind) {
    List<String> names = new ArrayList<>();
    for (int layer = 0; layer < 2; layer++) {
      for (String module : kind.modules().apply(family)) {
        for (String parameter : kind.parameters()) {
          names.add(modules(family).get(0) + layer + "." + module + "." + parameter);
        }
      }
    }
    return names;
  }

  private static Kind kind(AdapterKind kind) {
    return Objects.requireNonNull(KINDS.get(kind), "no entry for " + kind);
  }

  static ModelConfig config(Architecture family) {
    return Objects.requireNonNull(FAMILIES.get(family), "no entry for " + family);
  }

  private BaseModel base(Architecture family, WeightDtype dtype) throws IOException {
    TinyCheckpoint.write(checkpoint, config(family), dtype);
    Converter.convert(checkpoint, directory.resolve("base"), dtype, false);
    return BaseModel.open(directory.resolve("base"));
  }

  private static AdapterTrainee fresh(BaseModel base, AdapterKind kind) throws IOException {
    AdapterConfig config = kind(kind).config().apply(Architecture.of(base.config().modelType()));
    return AdapterTrainee.open(base, config, null, 5, new SessionOptions(1));
  }

  private static float[] logits(AdapterTrainee trainee) {
    return new Forward(trainee.session(), trainee.inference().graph()).logits(IDS, MASK, false);
  }

  private static float[] logits(BaseModel base) {
    return Forward.logits(base, IDS, MASK);
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
    return Forward.values(trainee.session(), weights);
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
      List<Double> losses = train(trainee, 40, false);
      assertThat(losses.get(39)).isLessThan(0.7 * losses.get(0));
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
      assertThat(saved.config()).isEqualTo(kind(kind).config().apply(family));
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
      assertThatThrownBy(() -> Merger.merge(new MergeConfig(checkpoint, adapterDirectory, output)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "%s: an adapter of the kind %s computes more than a change of weights and cannot be"
                  + " merged, as these can: lora; export it without --merge, which keeps it beside"
                  + " the model",
              adapterDirectory, kind.cliName());
      assertThat(output).doesNotExist();
      return;
    }
    Merger.merge(new MergeConfig(checkpoint, adapterDirectory, output));
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
    List<String> expected = variables(family, kind(kind));
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
