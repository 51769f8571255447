package org.llmadapters.training;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The learning rate of each step, with the values of transformers' {@code get_scheduler}. Steps
 * count from 0; w = warmupSteps, n = totalSteps, s = step:
 *
 * <pre>
 *   all but constant, s &lt; w   learningRate * s / w, so the first step has rate 0
 *   linear                     learningRate * max(0, (n - s) / (n - w))
 *   cosine                     learningRate * (1 + cos(pi * (s - w) / (n - w))) / 2, rising again after n
 *   constant                   learningRate from step 0, without warm-up
 *   constant_with_warmup       learningRate
 * </pre>
 *
 * @param kind its shape
 * @param learningRate the highest rate
 * @param warmupSteps steps until it is reached
 * @param totalSteps steps of the whole training, warm-up included
 */
public record LearningRateSchedule(
    Kind kind, double learningRate, long warmupSteps, long totalSteps) {

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
  }

  /** The rate used in {@code step}, counted from 0. */
  public double at(long step) {
    if (kind != Kind.CONSTANT && step < warmupSteps) {
      return learningRate * ((double) step / warmupSteps);
    }
    double decaySteps = Math.max(1, totalSteps - warmupSteps);
    return learningRate
        * switch (kind) {
          case LINEAR -> Math.max(0, (totalSteps - step) / decaySteps);
          case COSINE -> 0.5 * (1 + Math.cos(Math.PI * ((step - warmupSteps) / decaySteps)));
          case CONSTANT, CONSTANT_WITH_WARMUP -> 1;
        };
  }

  /** The shapes, named as in transformers' {@code lr_scheduler_type}. */
  public enum Kind {
    LINEAR("linear"),
    COSINE("cosine"),
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
