package org.llmadapters.training.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.training.TrainingOptions;
import org.llmadapters.training.optimizer.LearningRateSchedule.Ending;
import org.llmadapters.training.optimizer.LearningRateSchedule.Kind;

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

  private static final double[] POLYNOMIAL = {
    0.0,
    4.9999999999999996e-05,
    9.999999999999999e-05,
    0.00015,
    0.00019999999999999998,
    0.00025,
    0.0003,
    0.00029032580645161287,
    0.0002806516129032258,
    0.00027097741935483866,
    0.0002613032258064516,
    0.0002516290322580645,
    0.00024195483870967737,
    0.0002322806451612903,
    0.00022260645161290322,
    0.00021293225806451611,
    0.00020325806451612904,
    0.0001935838709677419,
    0.00018390967741935483,
    0.0001742354838709677,
    0.00016456129032258062,
    0.00015488709677419354,
    0.00014521290322580644,
    0.00013553870967741936,
    0.00012586451612903223,
    0.00011619032258064515,
    0.00010651612903225806,
    9.684193548387098e-05,
    8.716774193548385e-05,
    7.749354838709677e-05,
    6.781935483870968e-05,
    5.814516129032259e-05,
    4.847096774193547e-05,
    3.879677419354839e-05,
    2.912258064516129e-05,
    1.9448387096774208e-05,
    9.774193548387088e-06,
    9.999999999999998e-08,
    9.999999999999998e-08,
    9.999999999999998e-08
  };

  private static final double[] CUBIC_TO_2E_5 = {
    0.0,
    4.9999999999999996e-05,
    9.999999999999999e-05,
    0.00015,
    0.00019999999999999998,
    0.00025,
    0.0003,
    0.0002737679164848444,
    0.0002492276190795878,
    0.00022632271491390013,
    0.00020499681111745157,
    0.00018519351481991207,
    0.0001668564331509516,
    0.00014992917324024033,
    0.0001343553422174482,
    0.00012007854721224531,
    0.00010704239535430167,
    9.519049377328722e-05,
    8.446644959887214e-05,
    7.481386996072637e-05,
    6.617636198852001e-05,
    5.849753281192306e-05,
    5.172098956060555e-05,
    4.5790339364237524e-05,
    4.0649189352489e-05,
    3.6241146655030046e-05,
    3.2509818401530664e-05,
    2.9398811721660904e-05,
    2.6851733745090797e-05,
    2.4812191601490383e-05,
    2.322379242052969e-05,
    2.203014333187876e-05,
    2.1174851465207614e-05,
    2.0601523950186302e-05,
    2.0253767916484843e-05,
    2.0075190493773293e-05,
    2.000939881172166e-05,
    2e-05,
    2e-05,
    2e-05
  };

  private static final double[] INVERSE_SQRT = {
    0.0,
    4.9999999999999996e-05,
    9.999999999999999e-05,
    0.00015,
    0.00019999999999999998,
    0.00025,
    0.0003,
    0.0002777460299317654,
    0.00025980762113533157,
    0.00024494897427831784,
    0.000232379000772445,
    0.0002215646837627989,
    0.00021213203435596422,
    0.00020380986614602721,
    0.00019639610121239312,
    0.00018973665961010276,
    0.0001837117307087383,
    0.00017822655773580136,
    0.00017320508075688773,
    0.00016858544608470491,
    0.0001643167672515498,
    0.00016035674514745462,
    0.00015666989036012803,
    0.00015322617553657474,
    0.00015,
    0.00014696938456699066,
    0.00014411533842457843,
    0.0001414213562373095,
    0.0001388730149658827,
    0.0001364576478442026,
    0.00013416407864998736,
    0.00013198240351921796,
    0.00012990381056766578,
    0.00012792042981336625,
    0.00012602520756252087,
    0.00012421180068162375,
    0.00012247448713915892,
    0.00012080808993852437,
    0.00011920791213585395,
    0.00011766968108291042
  };

  private static final double[] COSINE_WITH_MIN_LR = {
    0.0,
    4.9999999999999996e-05,
    9.999999999999999e-05,
    0.00015,
    0.00019999999999999998,
    0.00025,
    0.0003,
    0.0002993073586579058,
    0.00029723654206908676,
    0.0002938087996140066,
    0.0002890593045687311,
    0.00028303679317951856,
    0.00027580306456298227,
    0.00026743234656352675,
    0.0002580105340752177,
    0.00024763430764393446,
    0.00023641014139413988,
    0.00022445321046028063,
    0.0002118862091340507,
    0.00019883809185492724,
    0.00018544274996311783,
    0.00017183763779322623,
    0.00015816236220677376,
    0.00014455725003688217,
    0.0001311619081450727,
    0.0001181137908659493,
    0.00010554678953971937,
    9.358985860586012e-05,
    8.236569235606549e-05,
    7.19894659247823e-05,
    6.256765343647322e-05,
    5.419693543701772e-05,
    4.696320682048141e-05,
    4.094069543126887e-05,
    3.619120038599341e-05,
    3.2763457930913246e-05,
    3.0692641342094155e-05,
    2.9999999999999997e-05,
    3.0692641342094155e-05,
    3.2763457930913246e-05
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

  /** Within 1e-19: powers and cosines may differ from C's in their last bit. */
  @Test
  void polynomialEqualsTransformers() {
    assertThat(rates(Kind.POLYNOMIAL)).containsExactly(POLYNOMIAL, within(1e-19));
    assertThat(rates(Kind.POLYNOMIAL, new Ending(3, 2e-5, 0)))
        .containsExactly(CUBIC_TO_2E_5, within(1e-19));
  }

  @Test
  void inverseSqrtEqualsTransformers() {
    assertThat(rates(Kind.INVERSE_SQRT)).containsExactly(INVERSE_SQRT, within(1e-19));
  }

  /** {@code 3e-4 / sqrt((step + 10000) / 10000)}. */
  @Test
  void inverseSqrtWithoutWarmupIsThatAfterTenThousandSteps() {
    LearningRateSchedule schedule = new LearningRateSchedule(Kind.INVERSE_SQRT, 3e-4, 0, 37);

    assertThat(schedule.at(0)).isEqualTo(3e-4);
    assertThat(schedule.at(30_000)).isCloseTo(1.5e-4, within(1e-19));
  }

  @Test
  void cosineWithMinLrEqualsTransformers() {
    assertThat(rates(Kind.COSINE_WITH_MIN_LR, new Ending(1, 1e-7, 0.1)))
        .containsExactly(COSINE_WITH_MIN_LR, within(1e-19));
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
            "lr_scheduler must be one of linear, cosine, cosine_with_min_lr, polynomial,"
                + " inverse_sqrt, constant, constant_with_warmup, got step");
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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0 | 0    | 0   | lr_power must be in (0, 100), got 0.0",
        "1 | -1   | 0   | lr_end must be >= 0, got -1.0",
        "1 | 0    | 1.5 | min_lr_ratio must be in [0, 1], got 1.5",
        "1 | 3e-4 | 0   | lr_end must be below learning_rate, got 3.0E-4 and 3.0E-4"
      })
  void rejectsEndingsOutOfRange(double power, double end, double ratio, String message) {
    assertThatThrownBy(() -> rates(Kind.POLYNOMIAL, new Ending(power, end, ratio)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  /** As {@code TrainingArguments.get_warmup_steps}: rounded up. */
  @ParameterizedTest
  @CsvSource({"0.1, 37, 4", "0.5, 10, 5", "1, 7, 7", "0, 7, 0"})
  void aPartOfTheStepsWarmsUp(double ratio, long steps, long warmup) {
    assertThat(schedule(0, ratio).over(steps))
        .isEqualTo(new LearningRateSchedule(Kind.LINEAR, 3e-4, warmup, steps));
  }

  @Test
  void rejectsTwoWarmups() {
    assertThat(schedule(5, 0).over(37).warmupSteps()).isEqualTo(5);
    assertThatThrownBy(() -> schedule(5, 0.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "warmup_steps (5) and warmup_ratio (0.1) are two ways to say the same; leave one out or"
                + " give 0");
    assertThatThrownBy(() -> schedule(0, 1.1))
        .hasMessage("warmup_ratio must be in [0, 1], got 1.1");
  }

  private static TrainingOptions.Schedule schedule(long warmupSteps, double warmupRatio) {
    return new TrainingOptions.Schedule(
        Kind.LINEAR, 3e-4, warmupSteps, warmupRatio, Ending.defaults());
  }

  private static double[] rates(Kind kind) {
    return rates(kind, Ending.defaults());
  }

  private static double[] rates(Kind kind, Ending ending) {
    LearningRateSchedule schedule = new LearningRateSchedule(kind, 3e-4, 6, 37, ending);
    return LongStream.range(0, 40).mapToDouble(schedule::at).toArray();
  }
}
