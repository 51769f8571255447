package org.llmadapters.training.optimizer;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.llmadapters.training.Ending;

/**
 * The learning rate of each step, with the values of transformers' {@code get_scheduler}. Steps
 * count from 0; w = warmupSteps, n = totalSteps, s = step, p = (s - w) / (n - w):
 *
 * <pre>
 *   all but constant, s &lt; w   learningRate * s / w, so the first step has rate 0
 *   linear                     learningRate * max(0, (n - s) / (n - w))
 *   cosine                     learningRate * (1 + cos(pi * p)) / 2, rising again after n
 *   cosine_with_min_lr         the same between learningRate and minLrRatio * learningRate
 *   polynomial                 lrEnd + (learningRate - lrEnd) * (1 - p)^power, lrEnd after n
 *   inverse_sqrt               learningRate * sqrt(w / s); without warm-up sqrt(10000 / (s + 10000))
 *   constant                   learningRate from step 0, without warm-up
 *   constant_with_warmup       learningRate
 * </pre>
 *
 * @param kind its shape
 * @param learningRate the highest rate
 * @param warmupSteps steps until it is reached
 * @param totalSteps steps of the whole training, warm-up included
 * @param ending where the shapes that can be bent end
 */
public record LearningRateSchedule(
    Kind kind, double learningRate, long warmupSteps, long totalSteps, Ending ending) {
  /** transformers' {@code timescale} of inverse_sqrt without warm-up, in steps. */
  private static final long TIMESCALE = 10_000;

  public LearningRateSchedule {
    if (!(learningRate > 0 && learningRate < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("learning_rate must be > 0, got " + learningRate);
    }
    if (warmupSteps < 0) {
      throw new IllegalArgumentException("warmup_steps must be >= 0, got " + warmupSteps);
    }
    if (totalSteps < 1) {
      throw new IllegalArgumentException("there must be a step to train, got " + totalSteps);
    }
    if (kind == Kind.POLYNOMIAL && !(ending.lrEnd() < learningRate)) {
      throw new IllegalArgumentException(
          "lr_end must be below learning_rate, got " + ending.lrEnd() + " and " + learningRate);
    }
  }

  /** A schedule with transformers' default ending. */
  public LearningRateSchedule(Kind kind, double learningRate, long warmupSteps, long totalSteps) {
    this(kind, learningRate, warmupSteps, totalSteps, Ending.defaults());
  }

  /**
   * Where the rate ends.
   *
   * @param lrPower {@code power} of polynomial: 1 is a straight line
   * @param lrEnd {@code lr_end} of polynomial: the last rate
   * @param minLrRatio {@code min_lr_rate} of cosine_with_min_lr: the last rate as a part of the
   *     highest
   */
  public record Ending(double lrPower, double lrEnd, double minLrRatio) {
    public Ending {
      if (!(lrPower > 0 && lrPower < 100)) {
        throw new IllegalArgumentException("lr_power must be in (0, 100), got " + lrPower);
      }
      if (!(lrEnd >= 0 && lrEnd < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("lr_end must be >= 0, got " + lrEnd);
      }
      if (!(minLrRatio >= 0 && minLrRatio <= 1)) {
        throw new IllegalArgumentException("min_lr_ratio must be in [0, 1], got " + minLrRatio);
      }
    }

    /** A straight line to 1e-7, a cosine to 0. */
    public static Ending defaults() {
      return new Ending(1, 1e-7, 0);
    }
  }

  /** The rate used in {@code step}, counted from 0. */
  public double at(long step) {
    if (kind != Kind.CONSTANT && step < warmupSteps) {
      return learningRate * ((double) step / warmupSteps);
    }
    return learningRate
        * switch (kind) {
          case LINEAR -> Math.max(0, (totalSteps - step) / decaySteps());
          case COSINE -> cosine(step);
          case COSINE_WITH_MIN_LR -> cosine(step) * (1 - ending.minLrRatio()) + ending.minLrRatio();
          case POLYNOMIAL -> polynomial(step);
          case INVERSE_SQRT -> inverseSqrt(step);
          case CONSTANT, CONSTANT_WITH_WARMUP -> 1;
        };
  }

  private double decaySteps() {
    return Math.max(1, totalSteps - warmupSteps);
  }

  private double cosine(long step) {
    return 0.5 * (1 + Math.cos(Math.PI * ((step - warmupSteps) / decaySteps())));
  }

  private double polynomial(long step) {
    if (step > totalSteps) {
      return ending.lrEnd() / learningRate;
    }
    double remaining = 1 - (step - warmupSteps) / decaySteps();
    double range = learningRate - ending.lrEnd();
    return (range * Math.pow(remaining, ending.lrPower()) + ending.lrEnd()) / learningRate;
  }

  private double inverseSqrt(long step) {
    long timescale = warmupSteps == 0 ? TIMESCALE : warmupSteps;
    return 1 / Math.sqrt((double) (step + timescale - warmupSteps) / timescale);
  }

  /** The shapes, named as in transformers' {@code lr_scheduler_type}. */
  public enum Kind {
    LINEAR("linear"),
    COSINE("cosine"),
    COSINE_WITH_MIN_LR("cosine_with_min_lr"),
    POLYNOMIAL("polynomial"),
    INVERSE_SQRT("inverse_sqrt"),
    CONSTANT("constant"),
    CONSTANT_WITH_WARMUP("constant_with_warmup");

    private final String hfName;

    Kind(String hfName) {
      this.hfName = hfName;
    }

    /** As on the command line: {@code constant_with_warmup}. */
    public String hfName() {
      return hfName;
    }

    /**
     * The shape called {@code name}.
     *
     * @throws IllegalArgumentException if there is none, naming all
     */
    public static Kind of(String name) {
      return Arrays.stream(values())
          .filter(kind -> kind.hfName.equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "lr_scheduler must be one of "
                          + Arrays.stream(values())
                              .map(Kind::hfName)
                              .collect(Collectors.joining(", "))
                          + ", got "
                          + name));
    }
  }
}
