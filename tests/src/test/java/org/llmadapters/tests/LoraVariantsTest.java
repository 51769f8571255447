package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.MergeConfig;
import org.llmadapters.conversion.Merger;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.AdapterTrainee;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.ReplicatedFunction.Execution;
import org.llmadapters.training.step.TokenBatch;
import org.llmadapters.training.step.TrainingStep;
import org.llmadapters.training.step.UpdateRate;

/** What the contract demands of LoRA, of its variants: on every family, from training to merge. */
final class LoraVariantsTest {
  private static final int[][] IDS = {{3, 16, 2, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};
  private static final int[][] LABELS = {{-100, 16, 2, 7, 7}, {-100, -100, 9, -100, -100}};

  private static final TargetModules ALL =
      TargetModules.restricted(
          new TargetModules.AllLinear(),
          List.of(),
          List.of(),
          Optional.of(new TargetModules.Regex(".*\\.1\\.(mlp\\.)?(down_proj|fc2|c_proj)")));

  /** All linear modules but one, with ranks and scales of their own in the second layer. */
  private static final LoraConfig PATTERNS =
      new LoraConfig(
          4,
          5,
          true,
          0,
          ALL,
          new LoraPatterns(Map.of(".*\\.1\\..*", 2), Map.of("1\\..*", 3.0)),
          LoraVariant.PLAIN);

  private static LoraConfig dora(double dropout) {
    return new LoraConfig(3, 6, false, dropout, ALL, LoraPatterns.NONE, LoraVariant.DORA);
  }

  @TempDir Path directory;

  static Stream<Arguments> variants() {
    List<Arguments> variants = new ArrayList<>();
    for (Architecture family : Architecture.values()) {
      variants.add(Arguments.of(family, PATTERNS));
      variants.add(Arguments.of(family, dora(0)));
    }
    variants.add(Arguments.of(Architecture.LLAMA, dora(0.1)));
    return variants.stream();
  }

  private static float[] logits(AdapterTrainee trainee) {
    return new Forward(trainee.session(), trainee.inference().graph()).logits(IDS, MASK, false);
  }

  private static float[] logits(BaseModel base) {
    return Forward.logits(base, IDS, MASK);
  }

  @ParameterizedTest
  @MethodSource("variants")
  void startsAsTheBaseAndIsTheSameSavedAndMerged(Architecture family, LoraConfig config)
      throws IOException {
    Path checkpoint = directory.resolve("checkpoint");
    TinyCheckpoint.write(checkpoint, ContractFamilies.config(family), WeightDtype.FLOAT32);
    Converter.convert(checkpoint, directory.resolve("base"), WeightDtype.FLOAT32, false);
    BaseModel base = BaseModel.open(directory.resolve("base"));
    Path saved = directory.resolve("adapter");
    float[] trained;
    try (AdapterTrainee trainee =
        AdapterTrainee.open(base, config, null, 5, SessionOptions.oneReplica())) {
      Golden.assertCloseAtTokens("a new adapter", logits(trainee), logits(base), MASK, 1e-6);
      train(trainee);
      trainee.save(saved);
      trained = logits(trainee);
    }
    assertThat(trained).isNotEqualTo(logits(base));
    try (PeftAdapter adapter = PeftAdapter.read(saved)) {
      assertThat(adapter.config()).isEqualTo(config);
      try (AdapterTrainee reopened =
          AdapterTrainee.open(base, config, adapter, 99, SessionOptions.oneReplica())) {
        assertThat(logits(reopened)).isEqualTo(trained);
      }
    }
    Path merged = directory.resolve("merged");
    if (family == Architecture.GPT_2 && config.useDora()) {
      assertThatThrownBy(() -> Merger.merge(new MergeConfig(checkpoint, saved, merged)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("DoRA cannot be merged into a weight that is stored [in, out]");
      assertThat(merged).doesNotExist();
      return;
    }
    Merger.merge(new MergeConfig(checkpoint, saved, merged));
    Converter.convert(merged, directory.resolve("merged-base"), WeightDtype.FLOAT32, false);
    float[] mergedLogits = logits(BaseModel.open(directory.resolve("merged-base")));
    Golden.assertCloseAtTokens("merged", mergedLogits, trained, MASK, 2e-5);
  }

  /** Every variable moves and the loss falls. */
  private static void train(AdapterTrainee trainee) {
    List<float[]> before = values(trainee);
    TrainingStep step =
        new TrainingStep(
            trainee.session(),
            trainee.training(),
            OptimizerConfig.defaults(),
            new Execution(1, false));
    List<Double> losses = new ArrayList<>();
    try (TokenBatch batch = TokenBatch.of(IDS, MASK, LABELS, 1)) {
      for (int i = 1; i <= 10; i++) {
        losses.add(step.step(batch, new UpdateRate(i, 1e-2)).loss());
      }
    }
    assertThat(losses.get(9)).isLessThan(0.9 * losses.get(0));
    List<float[]> after = values(trainee);
    for (int i = 0; i < before.size(); i++) {
      assertThat(after.get(i)).as(trainee.variables().get(i).name()).isNotEqualTo(before.get(i));
    }
  }

  private static List<float[]> values(AdapterTrainee trainee) {
    return trainee.variables().stream().map(trainee.session()::value).toList();
  }
}
