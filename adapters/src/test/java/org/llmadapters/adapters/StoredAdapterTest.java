package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.adapters.AdapterParameter.Initializer.Factor;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.proto.GraphDef;

final class StoredAdapterTest {
  private static final LoraInit OLORA = new LoraInit(LoraInit.Scheme.OLORA, OptionalInt.empty());

  private static AdaptedGraph adapted(boolean useRslora) {
    LoraFactors factors =
        new LoraFactors(
            OLORA,
            new Weight("m.weight", WeightDtype.FLOAT32, List.of(3L, 4L)),
            WeightLayout.OUT_IN,
            2,
            1);
    Map<String, Integer> ranks = new LinkedHashMap<>(Map.of("m", 2));
    return new AdaptedGraph(
        GraphDef.getDefaultInstance(),
        "default",
        new LoraConfig(
            5,
            3,
            useRslora,
            0.25,
            TargetModules.of("m"),
            new LoraPatterns(ranks, Map.of("m", 1.5)),
            new LoraVariant(true, OLORA, TrainedBias.NONE)),
        List.of("m"),
        List.of(
            new AdapterParameter(
                "m.lora_A.weight", List.of(2L, 4L), new Factor(factors, Factor.Side.A)),
            new AdapterParameter(
                "m.lora_B.weight", List.of(3L, 2L), new Factor(factors, Factor.Side.B)),
            new AdapterParameter("m.lora_magnitude_vector", List.of(3L), new Initializer.Ones())),
        Map.of());
  }

  private static final Map<String, float[]> TRAINED =
      Map.of(
          "m.lora_A.weight", new float[] {1, 2, 3, 4, 5, 6, 7, 8},
          "m.lora_B.weight", new float[] {1, 2, 3, 4, 5, 6},
          "m.lora_magnitude_vector", new float[] {7, 8, 9});

  private static final Map<String, float[]> TAKEN =
      Map.of(
          "m.lora_A.weight", new float[] {10, 20, 30, 40, 50, 60, 70, 80},
          "m.lora_B.weight", new float[] {10, 20, 30, 40, 50, 60});

  private static StoredAdapter stored(AdaptedGraph adapted, Map<String, float[]> taken) {
    return StoredAdapter.of(
        adapted.config(),
        adapted.parameters(),
        taken,
        parameter -> Objects.requireNonNull(TRAINED.get(parameter.name())));
  }

  @Test
  void whatWasTakenOutOfTheBaseIsTakenFromTheAdapter() {
    StoredAdapter stored = stored(adapted(false), TAKEN);
    assertThat(stored.parameters())
        .extracting(AdapterParameter::shape)
        .containsExactly(List.of(4L, 4L), List.of(3L, 4L), List.of(3L));
    assertThat(stored.values().apply(stored.parameters().get(0)))
        .containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 30, 40, 50, 60, 70, 80);
    assertThat(stored.values().apply(stored.parameters().get(1)))
        .containsExactly(1, 2, -10, -20, 3, 4, -30, -40, 5, 6, -50, -60);
    assertThat(stored.values().apply(stored.parameters().get(2))).containsExactly(7, 8, 9);
  }

  @Test
  void theConfigurationIsPlainOfTwiceTheRankAndTheSameScale() {
    for (boolean useRslora : List.of(false, true)) {
      AdaptedGraph adapted = adapted(useRslora);
      LoraConfig config = (LoraConfig) adapted.config();
      LoraConfig stored = (LoraConfig) stored(adapted, TAKEN).config();
      double alphas = useRslora ? Math.sqrt(2) : 2;
      assertThat(stored)
          .isEqualTo(
              new LoraConfig(
                  10,
                  alphas * 3,
                  useRslora,
                  0.25,
                  TargetModules.of("m"),
                  new LoraPatterns(Map.of("m", 4), Map.of("m", alphas * 1.5)),
                  LoraVariant.DORA));
      for (String module : List.of("m", "other")) {
        assertThat(stored.scalingOf(module) / config.scalingOf(module))
            .isBetween(1 - 1e-15, 1 + 1e-15);
      }
    }
  }

  @Test
  void anAdapterThatTookNothingIsStoredAsItIs() {
    AdaptedGraph adapted = adapted(false);
    StoredAdapter stored = stored(adapted, Map.of());
    assertThat(stored.config()).isEqualTo(adapted.config());
    assertThat(stored.parameters()).isEqualTo(adapted.parameters());
    assertThat(stored.values().apply(stored.parameters().get(1))).containsExactly(1, 2, 3, 4, 5, 6);
  }
}
