package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.adapters.BottleneckConfig.Placement;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;

final class BottleneckConfigTest {
  private static BottleneckConfig config(
      int size,
      double dropout,
      OptionalDouble scaling,
      Placement placement,
      TargetModules targets) {
    return new BottleneckConfig(
        size,
        Activation.TANH,
        dropout,
        scaling,
        new BottleneckVariant(InitWeights.BERT, TrainedBias.NONE),
        placement,
        targets);
  }

  private static BottleneckConfig config(int size, double dropout, double scaling) {
    return config(
        size, dropout, OptionalDouble.of(scaling), Placement.PARALLEL, TargetModules.of("q_proj"));
  }

  /** LLM-Adapters' TRANSFORMERS_MODELS_TO_{BOTTLENECK,ADAPTERP,PARALLEL}_TARGET_MODULES_MAPPING. */
  @ParameterizedTest
  @CsvSource({
    "LLAMA, ADAPTER_H, gate_proj+up_proj+down_proj",
    "LLAMA, ADAPTER_P, down_proj",
    "LLAMA, PARALLEL, q_proj+v_proj+k_proj",
    "OPT, ADAPTER_H, fc1+fc2",
    "OPT, ADAPTER_P, fc2",
    "OPT, PARALLEL, q_proj+v_proj+k_proj",
    "GPT_J, ADAPTER_H, fc_in+fc_out",
    "GPT_J, ADAPTER_P, fc_out",
    "GPT_J, PARALLEL, q_proj+v_proj+k_proj",
    "GPT_NEO, ADAPTER_H, c_fc+c_proj",
    "GPT_NEO, ADAPTER_P, c_proj",
    "GPT_NEO, PARALLEL, q_proj+v_proj+k_proj",
    "BLOOM, ADAPTER_H, dense_h_to_4h+dense_4h_to_h",
    "BLOOM, ADAPTER_P, dense_4h_to_h",
    "BLOOM, PARALLEL, query_key_value"
  })
  void defaultTargetsAreThoseOfLlmAdapters(Architecture family, Placement placement, String names) {
    assertThat(BottleneckConfig.defaultTargets(family, placement))
        .contains(TargetModules.of(names.split("\\+", -1)));
  }

  @ParameterizedTest
  @EnumSource(
      value = Architecture.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"LLAMA", "OPT", "GPT_J", "GPT_NEO", "BLOOM"})
  void otherFamiliesHaveNoDefaultTargets(Architecture family) {
    for (Placement placement : Placement.values()) {
      assertThat(BottleneckConfig.defaultTargets(family, placement)).isEmpty();
    }
  }

  /** 200M, 66M and 200M in LLM-Adapters' table of results. */
  @ParameterizedTest
  @CsvSource({"ADAPTER_H, 201326592", "ADAPTER_P, 67108864", "PARALLEL, 201326592"})
  void llama7bHasThePublishedNumberOfTrainedValues(Placement placement, long expected) {
    OptionalInt none = OptionalInt.empty();
    var llama7b =
        Architecture.build(
            Architecture.LLAMA
                .family()
                .config(
                    new Sizes(32000, 4096, 11008, 32, 2048),
                    new AttentionConfig(32, 32, 128),
                    new TokenIds(none, List.of(), none)),
            WeightDtype.FLOAT16);
    TargetModules targets =
        BottleneckConfig.defaultTargets(Architecture.LLAMA, placement).orElseThrow();
    AdaptedGraph adapted =
        Splicer.splice(
            llama7b.graphDef(),
            config(256, 0, OptionalDouble.of(1), placement, targets),
            "default",
            Splicer.Mode.INFERENCE);
    assertThat(adapted.trainableElements()).isEqualTo(expected);
  }

  @Test
  void isOfTheKindOfItsPlacement() {
    TargetModules targets = TargetModules.of("fc2");
    OptionalDouble one = OptionalDouble.of(1);
    assertThat(config(1, 0, one, Placement.ADAPTER_H, targets).kind())
        .isEqualTo(AdapterKind.SERIES);
    assertThat(config(1, 0, one, Placement.ADAPTER_P, targets).kind())
        .isEqualTo(AdapterKind.SERIES);
    assertThat(config(1, 0, one, Placement.PARALLEL, targets).kind())
        .isEqualTo(AdapterKind.PARALLEL);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 65537})
  void rejectsSizesOutOfRange(int size) {
    assertThatThrownBy(() -> config(size, 0, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bottleneck_size must be between 1 and 65536, got " + size);
  }

  @ParameterizedTest
  @ValueSource(doubles = {-0.1, 1, Double.NaN})
  void rejectsDropoutOutOfRange(double dropout) {
    assertThatThrownBy(() -> config(8, dropout, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("adapter_dropout must be in [0, 1), got " + dropout);
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e9, -1e9, Double.NaN, Double.POSITIVE_INFINITY})
  void rejectsScalingsOutOfRange(double scaling) {
    assertThatThrownBy(() -> config(8, 0, scaling))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("scaling must be \"learned\" or in (-1e9, 1e9), got " + scaling);
  }

  @Test
  void rejectsNamesThatItDoesNotKnow() {
    assertThatThrownBy(() -> InitWeights.of("zeros"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("init_weights must be one of bert, mam_adapter, got \"zeros\"");
    assertThatThrownBy(() -> BottleneckConfig.nonLinearity("maxout"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("non_linearity must be one of silu, swish, relu,")
        .hasMessageEndingWith(", got \"maxout\"");
  }
}
