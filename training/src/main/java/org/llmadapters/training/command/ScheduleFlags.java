package org.llmadapters.training.command;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.llmadapters.training.TrainingOptions;
import org.llmadapters.training.optimizer.LearningRateSchedule.Ending;
import org.llmadapters.training.optimizer.LearningRateSchedule.Kind;
import picocli.CommandLine.Option;

/** The course of the learning rate, named as in LLM-Adapters and in Hugging Face's Trainer. */
final class ScheduleFlags {
  private static final String POWER = "--lr-power";
  private static final String END = "--lr-end";
  private static final String MIN_RATIO = "--min-lr-ratio";

  private static final ChoiceFlags OPTIONS =
      new ChoiceFlags(
          "--lr-scheduler",
          Map.of(
              Kind.POLYNOMIAL.hfName(),
              Set.of(POWER, END),
              Kind.COSINE_WITH_MIN_LR.hfName(),
              Set.of(MIN_RATIO)));

  @Option(
      names = "--learning-rate",
      defaultValue = "3e-4",
      description = "Peak learning rate (default ${DEFAULT-VALUE}).")
  private double learningRate;

  @Option(
      names = "--lr-scheduler",
      defaultValue = "linear",
      description =
          "linear, cosine, cosine_with_min_lr, polynomial, inverse_sqrt, constant, constant_with_warmup (default ${DEFAULT-VALUE}).")
  private String lrScheduler = "";

  @Option(
      names = "--warmup-steps",
      defaultValue = "0",
      description = "Updates until the peak rate (default ${DEFAULT-VALUE}).")
  private long warmupSteps;

  @Option(
      names = "--warmup-ratio",
      defaultValue = "0",
      description = "The same as a part of all updates, e.g. 0.1.")
  private double warmupRatio;

  @Option(
      names = POWER,
      description = "Of polynomial: 1 (default) is a straight line, 2 a parabola.")
  private @Nullable Double lrPower;

  @Option(names = END, description = "Of polynomial: the last rate (default 1e-7).")
  private @Nullable Double lrEnd;

  @Option(
      names = MIN_RATIO,
      description = "Of cosine_with_min_lr: the last rate as a part of the peak, e.g. 0.1.")
  private @Nullable Double minLrRatio;

  /**
   * The learning rate.
   *
   * @throws IllegalArgumentException if a value is out of range, or has no effect
   */
  TrainingOptions.Schedule toSchedule() {
    Kind kind = Kind.of(lrScheduler);
    Map<String, @Nullable Object> given = new LinkedHashMap<>();
    given.put(POWER, lrPower);
    given.put(END, lrEnd);
    given.put(MIN_RATIO, minLrRatio);
    OPTIONS.check(kind.hfName(), given);
    if (kind == Kind.COSINE_WITH_MIN_LR && minLrRatio == null) {
      throw new IllegalArgumentException(
          "--lr-scheduler cosine_with_min_lr needs --min-lr-ratio, e.g. 0.1");
    }
    Ending defaults = Ending.defaults();
    return new TrainingOptions.Schedule(
        kind,
        learningRate,
        warmupSteps,
        warmupRatio,
        new Ending(
            lrPower == null ? defaults.lrPower() : lrPower,
            lrEnd == null ? defaults.lrEnd() : lrEnd,
            minLrRatio == null ? defaults.minLrRatio() : minLrRatio));
  }
}
