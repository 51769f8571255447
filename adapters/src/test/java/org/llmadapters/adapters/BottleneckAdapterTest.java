package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.BottleneckConfig.InitWeights;
import org.llmadapters.adapters.BottleneckConfig.Placement;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.Sizes;
import org.llmadapters.graph.config.TokenIds;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.Activation;
import org.tensorflow.proto.GraphDef;

/** On a LLaMA of one layer with H=12, N=3, K=1, D=4, F=20; bottlenecks of 7. */
final class BottleneckAdapterTest {
  private static final BaseGraph BASE = base();

  private static BaseGraph base() {
    OptionalInt none = OptionalInt.empty();
    return Architecture.build(
        Architecture.LLAMA
            .family()
            .config(
                new Sizes(17, 12, 20, 1, 64),
                new AttentionConfig(3, 1, 4),
                new TokenIds(none, List.of(), none)),
        WeightDtype.FLOAT32);
  }

  private static AdaptedGraph splice(
      Placement placement,
      InitWeights initWeights,
      OptionalDouble scaling,
      double dropout,
      Splicer.Mode mode,
      String... targets) {
    return Splicer.splice(
        BASE.graphDef(),
        new BottleneckConfig(
            7,
            Activation.TANH,
            dropout,
            scaling,
            new BottleneckVariant(initWeights, TrainedBias.NONE),
            placement,
            TargetModules.of(targets)),
        "default",
        mode);
  }

  private static AdaptedGraph splice(Placement placement, String... targets) {
    return splice(
        placement, InitWeights.BERT, OptionalDouble.of(1), 0, Splicer.Mode.INFERENCE, targets);
  }

  /** H + F are the widths of both layers; D goes from a width to itself in series. */
  @Test
  void inSeriesABottleneckGoesFromTheHiddenStatesToThemselves() {
    AdaptedGraph adapted = splice(Placement.ADAPTER_H, "up_proj", "down_proj");
    Initializer normal = new Initializer.Normal(0.02);
    assertThat(adapted.parameters())
        .containsExactly(
            parameter("mlp.up_proj.adapter_down.weight", normal, 7, 12),
            parameter("mlp.up_proj.adapter_up.weight", normal, 12, 7),
            parameter("mlp.down_proj.adapter_down.weight", normal, 7, 12),
            parameter("mlp.down_proj.adapter_up.weight", normal, 12, 7));
  }

  @Test
  void inParallelABottleneckGoesFromInputToOutput() {
    AdaptedGraph adapted =
        splice(
            Placement.PARALLEL,
            InitWeights.MAM_ADAPTER,
            OptionalDouble.empty(),
            0,
            Splicer.Mode.INFERENCE,
            "up_proj",
            "v_proj");
    Initializer uniform = new Initializer.Uniform(1 / Math.sqrt(12));
    Initializer zeros = new Initializer.Zeros();
    Initializer ones = new Initializer.Ones();
    assertThat(adapted.parameters())
        .containsExactly(
            parameter("self_attn.v_proj.adapter_down.weight", uniform, 7, 12),
            parameter("self_attn.v_proj.adapter_up.weight", zeros, 4, 7),
            parameter("self_attn.v_proj.adapter_scaling", ones, 1),
            parameter("mlp.up_proj.adapter_down.weight", uniform, 7, 12),
            parameter("mlp.up_proj.adapter_up.weight", zeros, 20, 7),
            parameter("mlp.up_proj.adapter_scaling", ones, 1));
  }

  private static AdapterParameter parameter(String name, Initializer initializer, long... shape) {
    List<Long> sizes = Arrays.stream(shape).boxed().toList();
    return new AdapterParameter("model.layers.0." + name, sizes, initializer);
  }

  @ParameterizedTest
  @EnumSource(
      value = Placement.class,
      names = {"ADAPTER_H", "ADAPTER_P"})
  void inSeriesItSitsAtProjectionsOfTheMlpOnly(Placement placement) {
    assertThatThrownBy(() -> splice(placement, "down_proj", "q_proj"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "target_modules: model.layers.0.self_attn.q_proj is not a projection of an MLP, where"
                + " a series adapter sits; leave it out, or use a parallel adapter");
  }

  @Test
  void cannotBeMerged() {
    BottleneckConfig config = (BottleneckConfig) splice(Placement.PARALLEL, "q_proj").config();
    assertThatThrownBy(() -> Adapters.merged(config, BASE))
        .isInstanceOf(UnsupportedOperationException.class);
    assertThat(config.kind().merges()).isFalse();
  }

  @Test
  void dropoutActsWhileTrainingOnly() {
    OptionalDouble one = OptionalDouble.of(1);
    for (Splicer.Mode mode : Splicer.Mode.values()) {
      AdaptedGraph adapted =
          splice(Placement.ADAPTER_H, InitWeights.BERT, one, 0.1, mode, "down_proj");
      assertThat(isRandom(adapted.graphDef())).isEqualTo(mode == Splicer.Mode.TRAINING);
    }
    assertThat(
            isRandom(
                splice(
                        Placement.ADAPTER_H,
                        InitWeights.BERT,
                        one,
                        0,
                        Splicer.Mode.TRAINING,
                        "down_proj")
                    .graphDef()))
        .isFalse();
  }

  private static boolean isRandom(GraphDef graph) {
    return graph.getNodeList().stream().anyMatch(node -> node.getOp().contains("StatelessRandom"));
  }

  /** Means and deviations of 10,000 draws are within 5 standard errors; the seed is fixed. */
  @Test
  void initialValuesHaveTheirDistributions() {
    SplittableRandom random = new SplittableRandom(3);
    int count = 10_000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < count; i++) {
      double value = new Initializer.Normal(0.02).next(random);
      sum += value;
      squares += value * value;
    }
    assertThat(Math.abs(sum / count)).isLessThan(5 * 0.02 / Math.sqrt(count));
    assertThat(Math.sqrt(squares / count)).isBetween(0.02 * 0.964, 0.02 * 1.036);
    assertThat(new Initializer.Ones().next(random)).isEqualTo(1);
    assertThat(new Initializer.Zeros().next(random)).isZero();
  }
}
