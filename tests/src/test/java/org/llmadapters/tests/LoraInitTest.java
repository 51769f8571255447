package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.MergeConfig;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;

/** How LoRA starts, from the base's weights or without them, up to the adapter that is saved. */
final class LoraInitTest {
  private static final int[][] IDS = {{3, 16, 2, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
  private static final int[][] LABELS = {{-100, 16, 2, 7, 7}, {-100, -100, 9, -100, -100}};

  private static final TargetModules ALL = new TargetModules.AllLinear();

  /** Ranks of 4, 2 in the second layer, and scales of their own. */
  private static final LoraPatterns PATTERNS =
      new LoraPatterns(Map.of(".*\\.1\\..*", 2), Map.of("1\\..*", 3.0));

  @TempDir Path directory;

  private static LoraConfig config(
      String init, boolean rslora, LoraPatterns patterns, boolean dora) {
    return new LoraConfig(
        4, 5, rslora, 0, ALL, patterns, new LoraVariant(dora, LoraInit.of(init), TrainedBias.NONE));
  }

  static Stream<Arguments> starts() {
    List<Arguments> starts = new ArrayList<>();
    for (String init : List.of("gaussian", "orthogonal", "pissa", "pissa_niter_3", "olora")) {
      // It stores its weights [in, out].
      starts.add(Arguments.of(Architecture.GPT_2, config(init, false, LoraPatterns.NONE, false)));
    }
    starts.add(Arguments.of(Architecture.LLAMA, config("olora", true, PATTERNS, false)));
    starts.add(Arguments.of(Architecture.OPT, config("pissa", false, PATTERNS, true)));
    return starts.stream();
  }

  private BaseModel base(Architecture family, WeightDtype dtype) throws IOException {
    Path checkpoint = directory.resolve("checkpoint");
    TinyCheckpoint.write(checkpoint, ContractFamilies.config(family), dtype);
    Converter.convert(checkpoint, directory.resolve("base"), dtype, false);
    return BaseModel.open(directory.resolve("base"));
  }

  private static AdapterTrainee open(BaseModel base, LoraConfig config) throws IOException {
    return AdapterTrainee.open(base, config, null, 5, SessionOptions.oneReplica());
  }

  private static float[] logits(AdapterTrainee trainee) {
    return new Forward(trainee.session(), trainee.inference().graph()).logits(IDS, MASK, false);
  }

  /** Every variable of the adapter moves. */
  private static void train(AdapterTrainee trainee) {
    Map<Weight, float[]> before = Forward.values(trainee.session(), trainee.variables());
    TrainingStep step =
        new TrainingStep(
            trainee.session(),
            trainee.training(),
            OptimizerConfig.defaults(),
            new Execution(1, false));
    try (TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      for (int i = 1; i <= 10; i++) {
        step.step(batch, new UpdateRate(i, 1e-2));
      }
    }
    Forward.values(trainee.session(), trainee.variables())
        .forEach(
            (weight, value) ->
                assertThat(value).as(weight.name()).isNotEqualTo(before.get(weight)));
  }

  @ParameterizedTest
  @MethodSource("starts")
  void startsAsTheBaseAndIsSavedAsPlainLoraForIt(Architecture family, LoraConfig config)
      throws IOException {
    BaseModel base = base(family, WeightDtype.FLOAT32);
    byte[] weights = Files.readAllBytes(weightsOf(base));
    float[] unadapted = Forward.logits(base, IDS, MASK);
    Path saved = directory.resolve("adapter");
    float[] trained;
    try (AdapterTrainee trainee = open(base, config)) {
      Golden.assertCloseAtTokens("a new adapter", logits(trainee), unadapted, MASK, 1e-5);
      train(trainee);
      trainee.save(saved);
      trained = logits(trainee);
    }
    assertThat(trained).isNotEqualTo(unadapted);
    assertThat(Files.readAllBytes(weightsOf(base))).isEqualTo(weights);

    try (PeftAdapter adapter = PeftAdapter.read(saved)) {
      assertThat(adapter.config()).isEqualTo(saved(config));
      try (AdapterTrainee reopened =
          AdapterTrainee.open(base, adapter.config(), adapter, 99, SessionOptions.oneReplica())) {
        Golden.assertCloseAtTokens("opened again", logits(reopened), trained, MASK, 2e-5);
      }
    }
    if (family == Architecture.OPT) {
      Path merged = directory.resolve("merged");
      Merger.merge(new MergeConfig(directory.resolve("checkpoint"), saved, merged));
      Converter.convert(merged, directory.resolve("merged-base"), WeightDtype.FLOAT32, false);
      float[] logits = Forward.logits(BaseModel.open(directory.resolve("merged-base")), IDS, MASK);
      Golden.assertCloseAtTokens("merged", logits, trained, MASK, 2e-5);
    }
  }

  private static Path weightsOf(BaseModel base) {
    return Path.of(base.variables() + ".data-00000-of-00001");
  }

  /** What was taken out of the base takes as much room again, at the same scale. */
  private static LoraConfig saved(LoraConfig config) {
    if (!config.variant().init().takesFromBase()) {
      return config;
    }
    double alphas = config.useRslora() ? Math.sqrt(2) : 2;
    return new LoraConfig(
        8,
        alphas * 5,
        config.useRslora(),
        0,
        ALL,
        config.patterns().rank().isEmpty()
            ? LoraPatterns.NONE
            : new LoraPatterns(Map.of(".*\\.1\\..*", 4), Map.of("1\\..*", alphas * 3)),
        config.useDora() ? LoraVariant.DORA : LoraVariant.PLAIN);
  }

  /** What is left of the base's weights is rounded to 8 bits, and so are the factors in use. */
  @ParameterizedTest
  @CsvSource({"pissa", "olora"})
  void staysCloseToItselfOnABaseInBfloat16(String init) throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.BFLOAT16);
    float[] unadapted = Forward.logits(base, IDS, MASK);
    try (AdapterTrainee trainee = open(base, config(init, false, LoraPatterns.NONE, false))) {
      Golden.assertCloseAtTokens("a new adapter", logits(trainee), unadapted, MASK, 0.05);
      assertThat(logits(trainee)).isNotEqualTo(unadapted);
      train(trainee);
      trainee.save(directory.resolve("adapter"));
      try (PeftAdapter adapter = PeftAdapter.read(directory.resolve("adapter"));
          AdapterTrainee reopened =
              AdapterTrainee.open(
                  base, adapter.config(), adapter, 9, SessionOptions.oneReplica())) {
        float[] trained = logits(trainee);
        Golden.assertCloseAtTokens("opened again", logits(reopened), trained, MASK, 0.05);
      }
    }
  }

  @Test
  void falseStartsWithRandomValuesThatChangeTheModel() throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    LoraConfig config = config("false", false, LoraPatterns.NONE, false);
    Path saved = directory.resolve("adapter");
    try (AdapterTrainee trainee = open(base, config)) {
      assertThat(logits(trainee)).isNotEqualTo(Forward.logits(base, IDS, MASK));
      trainee.save(saved);
    }
    assertThat(Json.read(saved.resolve("adapter_config.json")).get("init_lora_weights").isBoolean())
        .isTrue();
    try (PeftAdapter adapter = PeftAdapter.read(saved)) {
      assertThat(adapter.config()).isEqualTo(config);
    }
  }

  /** H = 12, F = 20, and K = 1 key of 4 values. */
  @Test
  void refusesRanksThatCannotBeFoundAllAtOnce() throws IOException {
    BaseModel base = base(Architecture.LLAMA, WeightDtype.FLOAT32);
    LoraConfig config =
        new LoraConfig(
            13,
            1,
            false,
            0,
            TargetModules.of("0.self_attn.k_proj", "1.mlp.up_proj"),
            LoraPatterns.NONE,
            new LoraVariant(false, LoraInit.of("pissa"), TrainedBias.NONE));
    assertThatThrownBy(() -> open(base, config))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "init_lora_weights does not fit the model:\n"
                + "  model.layers.0.self_attn.k_proj: pissa finds a rank of at most 4 there, got"
                + " r = 13\n"
                + "  model.layers.1.mlp.up_proj: pissa finds a rank of at most 12 there, got r ="
                + " 13");
  }
}
