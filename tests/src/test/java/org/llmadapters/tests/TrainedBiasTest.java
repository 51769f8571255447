package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

/** The model's own biases, trained with LoRA: from a new adapter to the merged model. */
final class TrainedBiasTest {
  private static final int[][] IDS = {{3, 16, 2, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
  private static final int[][] LABELS = {{-100, 16, 2, 7, 7}, {-100, -100, 9, -100, -100}};

  @TempDir Path directory;

  private static float[] logits(AdapterTrainee trainee) {
    return new Forward(trainee.session(), trainee.inference().graph()).logits(IDS, MASK, false);
  }

  private static void train(AdapterTrainee trainee) {
    TrainingStep step =
        new TrainingStep(
            trainee.session(),
            trainee.training(),
            OptimizerConfig.defaults(),
            new Execution(1, false));
    try (TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      for (int i = 1; i <= 3; i++) {
        step.step(batch, new UpdateRate(i, 1e-2));
      }
    }
  }

  /** The biases that are trained: norms are no linear layers. */
  private static Set<String> expected(BaseModel base, TrainedBias bias, String target) {
    return base.graph().weights().stream()
        .map(Weight::name)
        .filter(name -> name.endsWith(".bias"))
        .filter(
            name ->
                bias == TrainedBias.ALL
                    || name.endsWith(target + ".bias")
                    || (target.equals("all-linear") && !name.contains("norm")))
        .collect(Collectors.toSet());
  }

  @ParameterizedTest
  @CsvSource({
    "OPT, all-linear, ADAPTED, FLOAT32, false, true",
    "OPT, q_proj, ALL, BFLOAT16, false, true",
    "GPT_2, c_attn, ALL, FLOAT32, false, pissa",
    "BLOOM, query_key_value, ADAPTED, FLOAT32, true, true"
  })
  void trainedBiasesTakeThePlaceOfTheBases(
      Architecture family,
      String target,
      TrainedBias bias,
      WeightDtype dtype,
      boolean dora,
      String init)
      throws IOException {
    Path checkpoint = directory.resolve("checkpoint");
    TinyCheckpoint.write(checkpoint, ContractFamilies.config(family), dtype);
    Converter.convert(checkpoint, directory.resolve("base"), dtype, false);
    BaseModel base = BaseModel.open(directory.resolve("base"));
    LoraConfig config =
        new LoraConfig(
            2,
            4,
            false,
            0,
            target.equals("all-linear") ? new TargetModules.AllLinear() : TargetModules.of(target),
            LoraPatterns.NONE,
            new LoraVariant(dora, LoraInit.of(init), bias));
    float[] unadapted = Forward.logits(base, IDS, MASK);
    double rounding = dtype == WeightDtype.FLOAT32 ? 2e-5 : 0.05;
    Set<String> biases = expected(base, bias, target);
    assertThat(biases).hasSizeGreaterThanOrEqualTo(bias == TrainedBias.ALL ? 12 : 2);
    Path saved = directory.resolve("adapter");
    float[] trained;
    try (AdapterTrainee trainee =
        AdapterTrainee.open(base, config, null, 5, SessionOptions.oneReplica())) {
      Golden.assertCloseAtTokens("a new adapter", logits(trainee), unadapted, MASK, rounding);
      List<Weight> own =
          trainee.variables().stream().filter(w -> w.name().endsWith(".bias")).toList();
      assertThat(own)
          .extracting(weight -> weight.name().replace("adapters.default.", ""))
          .containsExactlyInAnyOrderElementsOf(biases);
      List<Weight> ofBase =
          base.graph().weights().stream().filter(w -> biases.contains(w.name())).toList();
      Map<Weight, float[]> start = Forward.values(trainee.session(), ofBase);
      Map<Weight, float[]> before = Forward.values(trainee.session(), own);
      for (Weight weight : ofBase) {
        assertThat(value(before, "adapters.default." + weight.name()))
            .as(weight.name())
            .isEqualTo(start.get(weight));
      }
      train(trainee);
      Forward.values(trainee.session(), own)
          .forEach(
              (weight, value) ->
                  assertThat(value).as(weight.name()).isNotEqualTo(before.get(weight)));
      assertThat(value(Forward.values(trainee.session(), ofBase), ofBase.get(0).name()))
          .as("the base's own")
          .isEqualTo(start.get(ofBase.get(0)));
      trainee.save(saved);
      trained = logits(trainee);
    }
    try (PeftAdapter adapter = PeftAdapter.read(saved)) {
      assertThat(adapter.tensors().keySet().stream().filter(name -> name.endsWith(".bias")))
          .containsExactlyInAnyOrderElementsOf(biases);
      assertThat(((LoraConfig) adapter.config()).variant().bias()).isEqualTo(bias);
      try (AdapterTrainee reopened =
          AdapterTrainee.open(base, adapter.config(), adapter, 9, SessionOptions.oneReplica())) {
        Golden.assertCloseAtTokens("opened again", logits(reopened), trained, MASK, 2e-5);
      }
    }
    Path merged = directory.resolve("merged");
    Merger.merge(new MergeConfig(checkpoint, saved, merged));
    Converter.convert(merged, directory.resolve("merged-base"), dtype, false);
    float[] logits = Forward.logits(BaseModel.open(directory.resolve("merged-base")), IDS, MASK);
    Golden.assertCloseAtTokens("merged", logits, trained, MASK, rounding);
  }

  private static float[] value(Map<Weight, float[]> values, String name) {
    return values.entrySet().stream()
        .filter(entry -> entry.getKey().name().equals(name))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElseThrow();
  }
}
