package org.llmadapters.training.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.optimizer.FactorRates;
import org.llmadapters.training.optimizer.LearningRates;
import org.llmadapters.training.optimizer.OptimizerConfig;

/** What all optimizers share: clipping, rates and decay of single variables. */
final class OptimizerConfigTest {
  private static final AdamW ADAMW = new AdamW(0.9, 0.999, 1e-8);

  private static Weight weight(String name, Long... shape) {
    return new Weight(name, WeightDtype.FLOAT32, List.of(shape));
  }

  @Test
  void defaultsAreThoseOfTheTrainer() {
    assertThat(OptimizerConfig.defaults())
        .isEqualTo(new OptimizerConfig(ADAMW, 0, 1, LearningRates.EQUAL));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "-1  | 1   | weight_decay must be in [0, 100), got -1.0",
        "100 | 1   | weight_decay must be in [0, 100), got 100.0",
        "0   | -1  | max_grad_norm must be in [0, 1e9), got -1.0",
        "0   | NaN | max_grad_norm must be in [0, 1e9), got NaN"
      })
  void rejectsValuesOutOfRange(double weightDecay, double maxGradNorm, String message) {
    assertThatThrownBy(
            () -> new OptimizerConfig(ADAMW, weightDecay, maxGradNorm, LearningRates.EQUAL))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void rejectsStepsThatCountFromZero() {
    assertThatThrownBy(() -> new UpdateRate(0, 1e-3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("optimizer steps count from 1, got 0");
  }

  /** Names of all families' norms and of all that biases are called. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.norm.weight",
        "model.layers.0.input_layernorm.weight",
        "model.layers.0.self_attn.q_norm.weight",
        "model.decoder.layers.0.self_attn_layer_norm.weight",
        "model.decoder.final_layer_norm.weight",
        "transformer.ln_f.weight",
        "transformer.h.0.ln_1.weight",
        "transformer.word_embeddings_layernorm.weight",
        "transformer.h.0.mlp.fc_in.bias",
        "adapters.default.model.layers.0.mlp.down_proj.adapter_down.bias",
        "adapters.default.model.layers.0.mlp.LayerNorm.weight"
      })
  void biasesAndNormsDoNotDecay(String name) {
    OptimizerConfig config = new OptimizerConfig(ADAMW, 0.1, 1, LearningRates.EQUAL);
    assertThat(config.weightDecayOf(weight(name, 6L))).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.embed_tokens.weight",
        "lm_head.weight",
        "model.normal.weight", // only whole parts are norms
        "model.soln_1.weight",
        "adapters.default.model.layers.0.self_attn.q_proj.lora_A.weight",
        "adapters.default.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
        "adapters.default.model.layers.0.self_attn.k_proj.ia3_l",
        "adapters.default.prompt_embeddings"
      })
  void allElseDecays(String name) {
    OptimizerConfig config = new OptimizerConfig(ADAMW, 0.1, 1, LearningRates.EQUAL);
    assertThat(config.weightDecayOf(weight(name, 6L))).isEqualTo(0.1);
  }

  @Test
  void aBatchWithoutCountedTokensChangesNothing() {
    Weight w = weight("w", 5L, 3L);
    try (FedOptimizer optimizer = new FedOptimizer(OptimizerConfig.defaults(), List.of(w))) {
      float[] start = new float[15];
      Arrays.fill(start, 0.5f);
      optimizer.session.assign(Map.of("w", start));
      StepOutcome outcome = optimizer.step(new UpdateRate(1, 1e-3), 0, 0, new float[15]);
      assertThat(outcome).isEqualTo(new StepOutcome(0, 0, 0));
      assertThat(optimizer.session.value(w)).containsExactly(start);
    }
  }

  /** Adam's first step is the learning rate, whatever the gradient. */
  @Test
  void variablesLearnAtTheirOwnRates() {
    List<Weight> trained =
        List.of(
            weight("adapters.a.m.lora_A.weight", 2L, 3L),
            weight("adapters.a.m.lora_B.weight", 3L, 2L),
            weight("adapters.a.m.lora_magnitude_vector", 6L),
            weight("adapters.a.n.lora_B.weight", 3L, 2L));
    LearningRates rates = new LearningRates(new FactorRates(16, false), Map.of("n", 0.5));
    try (FedOptimizer optimizer =
        new FedOptimizer(new OptimizerConfig(ADAMW, 0, 0, rates), trained)) {
      float[] gradient = {1, -2, 3, -4, 5, -6};
      trained.forEach(weight -> optimizer.session.assign(Map.of(weight.name(), new float[6])));
      optimizer.step(new UpdateRate(1, 1e-3), 0, 1, gradient, gradient, gradient, gradient);
      float[] a = optimizer.session.value(trained.get(0));
      assertThat(a)
          .containsExactly(
              new float[] {-1e-3f, 1e-3f, -1e-3f, 1e-3f, -1e-3f, 1e-3f}, within(1e-8f));
      float[] times = {1, 16, 16, 0.5f};
      for (int i = 1; i < 4; i++) {
        float[] other = optimizer.session.value(trained.get(i));
        for (int j = 0; j < 6; j++) {
          assertThat(other[j] / a[j]).isCloseTo(times[i], within(1e-6f * times[i]));
        }
      }
    }
  }

  /** The decay of a step is 4 * 0.25 * 0.5 of the value. */
  @Test
  void weightsDecayAtTheirOwnRateAndBiasesNotAtAll() {
    List<Weight> trained =
        List.of(weight("adapters.a.m.lora_B.weight", 1L, 1L), weight("adapters.a.m.bias", 1L));
    LearningRates rates = new LearningRates(new FactorRates(4, false), Map.of());
    try (FedOptimizer optimizer =
        new FedOptimizer(new OptimizerConfig(ADAMW, 0.5, 0, rates), trained)) {
      trained.forEach(weight -> optimizer.session.assign(Map.of(weight.name(), new float[] {8})));
      optimizer.step(new UpdateRate(1, 0.25), 0, 1, new float[1], new float[1]);
      assertThat(optimizer.session.value(trained.get(0))).containsExactly(4f);
      assertThat(optimizer.session.value(trained.get(1))).containsExactly(8f);
    }
  }
}
