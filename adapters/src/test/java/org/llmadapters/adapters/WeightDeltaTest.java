package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.spec.WeightLayout;
import org.tensorflow.proto.GraphDef;

/**
 * out=3, in=4, r=2, scaled by 0.5:
 *
 * <pre>
 *   lora_B    lora_A          lora_B lora_A     / 2
 *    1  2     1 0 2 -1        7  2  4  5        3.5  1   2   2.5
 *    0 -1     3 1 1  3       -3 -1 -1 -3       -1.5 -.5 -.5 -1.5
 *    4  0                     4  0  8 -4        2    0   4  -2
 * </pre>
 */
final class WeightDeltaTest {
  private static final float[] LORA_A = {1, 0, 2, -1, 3, 1, 1, 3};
  private static final float[] LORA_B = {1, 2, 0, -1, 4, 0};
  private static final LoraConfig CONFIG = new LoraConfig(2, 1, 0.1, TargetModules.of("q_proj"));
  private static final LinearSite SITE =
      new LinearSite("m.q_proj", "", 4, 3, WeightLayout.OUT_IN, WeightDtype.FLOAT32);

  private static MergedWeight merged(LoraConfig config, LinearSite site) {
    BaseGraph unused = new BaseGraph(GraphDef.getDefaultInstance(), List.of(), Map.of());
    return new LoraAdapter(config).merged(site, unused).get(0);
  }

  @Test
  void addsTheScaledProductRowByRow() {
    WeightDelta delta = new WeightDelta(LORA_B, LORA_A, 2, 0.5);
    float[][] weight = {{10, 20, 30, 40}, {0, 0, 0, 0}, {-2, 1, -4, 2}};
    for (int row = 0; row < 3; row++) {
      delta.mergeRow(row, weight[row]);
    }
    assertThat(weight)
        .isEqualTo(
            new float[][] {
              {13.5f, 21, 32, 42.5f}, {-1.5f, -0.5f, -0.5f, -1.5f}, {0, 1, 0, 0},
            });
  }

  @Test
  void roundsOnceAfterAddingInDouble() {
    // 1 + 2^-24 is no float; in float the two small terms would be lost one by one.
    float small = 1f / (1 << 24);
    WeightDelta delta = new WeightDelta(new float[] {1, 1}, new float[] {small, small}, 2, 1);
    float[] row = {1};
    delta.mergeRow(0, row);
    assertThat(row).containsExactly(1 + 2 * small);
  }

  @Test
  void loraMergesAsAlphaOverRTimesBA() {
    MergedWeight merged = merged(CONFIG, SITE);
    assertThat(merged.name()).isEqualTo("m.q_proj.weight");
    assertThat(merged.columns()).isEqualTo(4);
    assertThat(merged.parameters())
        .containsExactly("m.q_proj.lora_A.weight", "m.q_proj.lora_B.weight");
    float[] row = new float[4];
    merged.change().apply(List.of(LORA_A, LORA_B)).mergeRow(0, row);
    assertThat(row).containsExactly(3.5f, 1, 2, 2.5f);
  }

  /** The weight is [in, out]: the rows of the delta are the columns of the picture above. */
  @Test
  void aWeightThatIsStoredInOutGetsTheTransposedDelta() {
    LinearSite site =
        new LinearSite("m.c_attn", "", 4, 3, WeightLayout.IN_OUT, WeightDtype.FLOAT32);
    MergedWeight merged = merged(CONFIG, site);
    WeightChange delta = merged.change().apply(List.of(LORA_A, LORA_B));
    float[][] weight = new float[4][3];
    for (int row = 0; row < 4; row++) {
      delta.mergeRow(row, weight[row]);
    }
    assertThat(weight)
        .isEqualTo(
            new float[][] {
              {3.5f, -1.5f, 2}, {1, -0.5f, 0}, {2, -0.5f, 4}, {2.5f, -1.5f, -2},
            });
    assertThat(merged.columns()).isEqualTo(3);
  }

  /** [3 4] of norm 5 becomes one of norm 10. */
  @Test
  void rowsAreScaledToTheirNorms() {
    WeightDelta delta =
        new WeightDelta(new float[] {1, 2}, new float[] {2, 3}, 1, 1)
            .withNorms(new float[] {10, 0.5f});
    float[][] weight = {{1, 1}, {-7, -6}};
    delta.mergeRow(0, weight[0]);
    delta.mergeRow(1, weight[1]);
    assertThat(weight).isEqualTo(new float[][] {{6, 8}, {-0.5f, 0}});
  }

  @Test
  void doraIsNotMergedIntoAWeightThatIsStoredInOut() {
    LoraConfig dora =
        new LoraConfig(
            2, 1, false, 0, TargetModules.of("c_attn"), LoraPatterns.NONE, LoraVariant.DORA);
    LinearSite site =
        new LinearSite("m.c_attn", "", 4, 3, WeightLayout.IN_OUT, WeightDtype.FLOAT32);
    assertThatThrownBy(() -> merged(dora, site))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "m.c_attn: DoRA cannot be merged into a weight that is stored [in, out], where the"
                + " weights of one output are in all rows; use the adapter without merging it");
  }
}
