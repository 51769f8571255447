package org.llmadapters.training.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.training.TrainingOptions;
import org.llmadapters.training.optimizer.Adafactor;
import org.llmadapters.training.optimizer.Adam;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.optimizer.FactorRates;
import org.llmadapters.training.optimizer.LearningRateSchedule.Ending;
import org.llmadapters.training.optimizer.LearningRateSchedule.Kind;
import org.llmadapters.training.optimizer.LearningRates;
import org.llmadapters.training.optimizer.Lion;
import org.llmadapters.training.optimizer.Optimizer;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.optimizer.Sgd;
import picocli.CommandLine;

/** {@link OptimizerFlags} and {@link ScheduleFlags}. */
final class OptimizerFlagsTest {
  private static OptimizerConfig optimizer(String... flags) {
    return CommandLine.populateCommand(new OptimizerFlags(), flags).toOptimizer(FactorRates.EQUAL);
  }

  private static TrainingOptions.Schedule schedule(String... flags) {
    return CommandLine.populateCommand(new ScheduleFlags(), flags).toSchedule();
  }

  private static String[] words(String flags) {
    return flags.isEmpty() ? new String[0] : flags.split(" ", -1);
  }

  static Stream<Arguments> optimizers() {
    return Stream.of(
        Arguments.of("", new AdamW(0.9, 0.999, 1e-8)),
        Arguments.of("--optimizer=adamw_torch", new AdamW(0.9, 0.999, 1e-8)),
        Arguments.of("--optimizer=adamw_torch_fused --adam-beta2=0.95", new AdamW(0.9, 0.95, 1e-8)),
        Arguments.of("--adam-beta1=0.8 --adam-epsilon=1e-6", new AdamW(0.8, 0.999, 1e-6)),
        Arguments.of("--optimizer=adam", new Adam(0.9, 0.999, 1e-8)),
        Arguments.of(
            "--optimizer=adam --adam-beta1=0.5 --adam-beta2=0.6 --adam-epsilon=0.1",
            new Adam(0.5, 0.6, 0.1)),
        Arguments.of("--optimizer=sgd", new Sgd(0, false)),
        Arguments.of("--optimizer=sgd --momentum=0.9", new Sgd(0.9, false)),
        Arguments.of("--optimizer=sgd --momentum=0.9 --nesterov", new Sgd(0.9, true)),
        Arguments.of("--optimizer=adafactor", new Adafactor()),
        Arguments.of("--optimizer=lion", new Lion(0.9, 0.99)),
        Arguments.of("--optimizer=lion --adam-beta1=0.95 --adam-beta2=0.98", new Lion(0.95, 0.98)));
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void choosesTheOptimizer(String flags, Optimizer expected) {
    assertThat(optimizer(words(flags)))
        .isEqualTo(new OptimizerConfig(expected, 0, 1, LearningRates.EQUAL));
  }

  @Test
  void decayNormAndRatesArrive() {
    Map<String, Double> multiples = new LinkedHashMap<>();
    multiples.put("lora_B", 16.0);
    multiples.put("layers.0", 0.5);
    OptimizerConfig config =
        optimizer(
            "--weight-decay=0.1",
            "--max-grad-norm=0.5",
            "--learning-rate-of=lora_B=16,layers.0=0.5");
    assertThat(config)
        .isEqualTo(
            new OptimizerConfig(
                AdamW.defaults(), 0.1, 0.5, new LearningRates(FactorRates.EQUAL, multiples)));
    assertThat(config.rates().multiples().keySet()).containsExactly("lora_B", "layers.0");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--optimizer=adamw_hf | --optimizer must be one of adamw (or adamw_torch), adam, sgd,"
            + " adafactor, lion, got adamw_hf",
        "--momentum=0.9 --nesterov | --momentum is an option of --optimizer sgd, --nesterov is an"
            + " option of --optimizer sgd, got --optimizer adamw",
        "--optimizer=lion --adam-epsilon=1e-6 | --adam-epsilon is an option of --optimizer adam or"
            + " --optimizer adamw, got --optimizer lion",
        "--optimizer=adafactor --adam-beta1=0 | --adam-beta1 is an option of --optimizer adam or"
            + " --optimizer adamw or --optimizer lion, got --optimizer adafactor",
        "--optimizer=sgd --nesterov | nesterov needs a momentum > 0, got 0.0; give --momentum, e.g."
            + " 0.9",
        "--learning-rate-of=lora_B | --learning-rate-of: got \"lora_B\", expected a name and a number"
            + " such as down_proj=2",
        "--adam-beta1=1 | betas must be in [0, 1), got 1.0 and 0.999",
      })
  void refusesWhatHasNoEffectOrMeaning(String flags, String message) {
    assertThatThrownBy(() -> optimizer(words(flags)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  static Stream<Arguments> schedules() {
    return Stream.of(
        Arguments.of("", Kind.LINEAR, 3e-4, 0, 0.0, new Ending(1, 1e-7, 0)),
        Arguments.of(
            "--lr-scheduler=cosine --learning-rate=1e-3 --warmup-steps=7",
            Kind.COSINE,
            1e-3,
            7,
            0.0,
            new Ending(1, 1e-7, 0)),
        Arguments.of(
            "--lr-scheduler=polynomial --lr-power=2 --lr-end=1e-5 --warmup-ratio=0.1",
            Kind.POLYNOMIAL,
            3e-4,
            0,
            0.1,
            new Ending(2, 1e-5, 0)),
        Arguments.of(
            "--lr-scheduler=cosine_with_min_lr --min-lr-ratio=0.2",
            Kind.COSINE_WITH_MIN_LR,
            3e-4,
            0,
            0.0,
            new Ending(1, 1e-7, 0.2)));
  }

  @ParameterizedTest
  @MethodSource("schedules")
  void choosesTheSchedule(
      String flags, Kind kind, double rate, long warmupSteps, double warmupRatio, Ending ending) {
    assertThat(schedule(words(flags)))
        .isEqualTo(new TrainingOptions.Schedule(kind, rate, warmupSteps, warmupRatio, ending));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--lr-power=2 --min-lr-ratio=0.1 | --lr-power is an option of --lr-scheduler polynomial,"
            + " --min-lr-ratio is an option of --lr-scheduler cosine_with_min_lr, got"
            + " --lr-scheduler linear",
        "--lr-scheduler=cosine_with_min_lr | --lr-scheduler cosine_with_min_lr needs --min-lr-ratio,"
            + " e.g. 0.1",
        "--warmup-ratio=1.5 | warmup_ratio must be in [0, 1], got 1.5",
      })
  void refusesSchedulesWithoutEffectOrMeaning(String flags, String message) {
    assertThatThrownBy(() -> schedule(words(flags)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
