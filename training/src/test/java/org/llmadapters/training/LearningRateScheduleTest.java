package org.llmadapters.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.training.LearningRateSchedule.Kind;

/**
 * Expected rates are those of transformers' get_scheduler before each of 40 steps: rate 3e-4, 6
 * warm-up steps, 37 steps in all.
 */
final class LearningRateScheduleTest {

  private static final double[] LINEAR = {
    0.0,
    4.9999999999999996e-05,
    9.999999999999999e-05,
    0.00015,
    0.00019999999999999998,
    0.00025,
    0.0003,
    0.00029032258064516127,
    0.00028064516129032256,
    0.00027096774193548386,
    0.00026129032258064515,
    0.00025161290322580645,
    0.00024193548387096771,
    0.000232258064516129,
    0.0002225806451612903,
    0.0002129032258064516,
    0.00020322580645161287,
    0.00019354838709677416,
    0.00018387096774193548,
    0.00017419354838709678,
    0.00016451612903225804,
    0.00015483870967741934,
    0.00014516129032258063,
    0.00013548387096774193,
    0.00012580645161290322,
    0.0001161290322580645,
    0.0001064516129032258,
    9.677419354838708e-05,
    8.709677419354839e-05,
    7.741935483870967e-05,
    6.774193548387096e-05,
    5.806451612903225e-05,
    4.838709677419354e-05,
    3.8709677419354835e-05,
    2.9032258064516126e-05,
    1.9354838709677417e-05,
    9.677419354838709e-06,
    0.0,
    0.0,
    0.0
  };

  private static final double[] COSINE = {
    0.0,
    4.9999999999999996e-05,
    9.999999999999999e-05,
    0.00015,
    0.00019999999999999998,
    0.00025,
    0.0003,
    0.00029923039850878423,
    0.00029692949118787415,
    0.0002931208884600073,
    0.00028784367174303454,
    0.0002811519924216873,
    0.00027311451618109144,
    0.0002638137184039186,
    0.000253345037861353,
    0.00024181589738214943,
    0.00022934460154904433,
    0.00021605912273364513,
    0.000202095787926723,
    0.00018759787983880805,
    0.0001727141666256865,
    0.0001575973753258069,
    0.0001424026246741931,
    0.00012728583337431353,
    0.0001124021201611919,
    9.790421207327697e-05,
    8.394087726635483e-05,
    7.065539845095567e-05,
    5.818410261785056e-05,
    4.6654962138647004e-05,
    3.618628159608137e-05,
    2.6885483818908586e-05,
    1.8848007578312686e-05,
    1.215632825696541e-05,
    6.879111539992676e-06,
    3.070508812125827e-06,
    7.696014912157267e-07,
    0.0,
    7.696014912157267e-07,
    3.070508812125827e-06
  };

  private static final double[] CONSTANT_WITH_WARMUP = {
    0.0,
    4.9999999999999996e-05,
    9.999999999999999e-05,
    0.00015,
    0.00019999999999999998,
    0.00025,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003,
    0.0003
  };

  @Test
  void linearEqualsTransformers() {
    assertThat(rates(Kind.LINEAR)).containsExactly(LINEAR);
  }

  /** Within 1e-19: Java's cosine may differ from C's in its last bit, 3e-4 * 2^-53 here. */
  @Test
  void cosineEqualsTransformers() {
    assertThat(rates(Kind.COSINE)).containsExactly(COSINE, within(1e-19));
  }

  @Test
  void constantIgnoresTheWarmup() {
    assertThat(rates(Kind.CONSTANT)).hasSize(40).containsOnly(3e-4);
  }

  @Test
  void constantWithWarmupEqualsTransformers() {
    assertThat(rates(Kind.CONSTANT_WITH_WARMUP)).containsExactly(CONSTANT_WITH_WARMUP);
  }

  @ParameterizedTest
  @EnumSource
  void startsAtTheHighestRateWithoutWarmup(Kind kind) {
    assertThat(new LearningRateSchedule(kind, 3e-4, 0, 37).at(0)).isEqualTo(3e-4);
  }

  @Test
  void warmsUpOnlyWhenThereAreFewerStepsThanThat() {
    LearningRateSchedule schedule = new LearningRateSchedule(Kind.LINEAR, 3e-4, 100, 10);

    assertThat(schedule.at(9)).isEqualTo(3e-4 * 0.09);
  }

  @ParameterizedTest
  @EnumSource
  void findsAKindByItsName(Kind kind) {
    assertThat(Kind.of(kind.hfName())).isEqualTo(kind);
  }

  @Test
  void listsTheKindsWhenTheNameIsUnknown() {
    assertThatThrownBy(() -> Kind.of("step"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "lr_scheduler must be one of linear, cosine, constant, constant_with_warmup, got step");
  }

  @Test
  void rejectsARateOfZero() {
    assertThatThrownBy(() -> new LearningRateSchedule(Kind.LINEAR, 0, 6, 37))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("learning_rate must be > 0, got 0.0");
  }

  @Test
  void rejectsNegativeWarmup() {
    assertThatThrownBy(() -> new LearningRateSchedule(Kind.LINEAR, 3e-4, -1, 37))
        .hasMessage("warmup_steps must be >= 0, got -1");
  }

  @Test
  void rejectsATrainingWithoutSteps() {
    assertThatThrownBy(() -> new LearningRateSchedule(Kind.LINEAR, 3e-4, 0, 0))
        .hasMessage("there must be a step to train, got 0");
  }

  private static double[] rates(Kind kind) {
    LearningRateSchedule schedule = new LearningRateSchedule(kind, 3e-4, 6, 37);
    return LongStream.range(0, 40).mapToDouble(schedule::at).toArray();
  }
}
