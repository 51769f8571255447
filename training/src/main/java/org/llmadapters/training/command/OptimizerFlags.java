package org.llmadapters.training.command;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.llmadapters.training.optimizer.Adafactor;
import org.llmadapters.training.optimizer.Adam;
import org.llmadapters.training.optimizer.AdamW;
import org.llmadapters.training.optimizer.FactorRates;
import org.llmadapters.training.optimizer.LearningRates;
import org.llmadapters.training.optimizer.Lion;
import org.llmadapters.training.optimizer.Optimizer;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.optimizer.Sgd;
import org.llmadapters.training.step.LossScaling;
import picocli.CommandLine.Option;

/** The update of the trained variables, named as in Hugging Face's Trainer. */
final class OptimizerFlags {
  private static final String BETA1 = "--adam-beta1";
  private static final String BETA2 = "--adam-beta2";
  private static final String EPSILON = "--adam-epsilon";
  private static final String MOMENTUM = "--momentum";
  private static final String NESTEROV = "--nesterov";

  private static final ChoiceFlags OPTIONS =
      new ChoiceFlags(
          "--optimizer",
          Map.of(
              "adamw", Set.of(BETA1, BETA2, EPSILON),
              "adam", Set.of(BETA1, BETA2, EPSILON),
              "sgd", Set.of(MOMENTUM, NESTEROV),
              "adafactor", Set.of(),
              "lion", Set.of(BETA1, BETA2)));

  @Option(
      names = "--optimizer",
      defaultValue = "adamw",
      description = "adamw, adam, sgd, adafactor, lion (default ${DEFAULT-VALUE}).")
  private String optimizer = "";

  @Option(
      names = BETA1,
      paramLabel = "BETA",
      description = "Of adamw, adam and lion: decay of the mean of gradients (default 0.9).")
  private @Nullable Double beta1;

  @Option(
      names = BETA2,
      paramLabel = "BETA",
      description =
          "Of adamw and adam: decay of the mean of squares (default 0.999); of lion 0.99.")
  private @Nullable Double beta2;

  @Option(
      names = EPSILON,
      paramLabel = "EPS",
      description = "Of adamw and adam: added to the root of the mean square (default 1e-8).")
  private @Nullable Double epsilon;

  @Option(names = MOMENTUM, description = "Of sgd (default 0).")
  private @Nullable Double momentum;

  @Option(names = NESTEROV, description = "Nesterov's momentum, of sgd.")
  private boolean nesterov;

  @Option(
      names = "--weight-decay",
      defaultValue = "0",
      description = "Of all but biases and the weights of norms (default ${DEFAULT-VALUE}).")
  private double weightDecay;

  @Option(
      names = "--max-grad-norm",
      defaultValue = "1",
      description =
          "Clip gradients to this global norm; 0 for no limit (default ${DEFAULT-VALUE}).")
  private double maxGradNorm;

  @Option(
      names = "--learning-rate-of",
      paramLabel = "NAME=TIMES,...",
      description =
          "How many times the learning rate some variables learn at, by parts of their names, e.g. lora_B=16 or embed_tokens=0.1,layers.0=0.5; the first that matches counts.")
  private @Nullable String learningRateOf;

  @Option(
      names = "--loss-scale",
      paramLabel = "SCALE",
      defaultValue = "auto",
      description =
          "Multiply the loss before it is differentiated, so that gradients fit float16: dynamic,"
              + " off, a number, or auto: dynamic for a float16 base, else off (default"
              + " ${DEFAULT-VALUE}).")
  private String lossScale = "";

  /** What the loss is multiplied by. */
  LossScaling toLossScaling() {
    return LossScaling.of(lossScale);
  }

  /**
   * The update.
   *
   * @param factors the learning rates of LoRA's factors
   * @throws IllegalArgumentException if a value is out of range, or has no effect
   */
  OptimizerConfig toOptimizer(FactorRates factors) {
    return new OptimizerConfig(
        optimizer(),
        weightDecay,
        maxGradNorm,
        new LearningRates(
            factors, LoraFlags.pattern("--learning-rate-of", learningRateOf, Double::valueOf)));
  }

  private Optimizer optimizer() {
    String name = optimizer.matches("adamw_torch(_fused)?") ? "adamw" : optimizer;
    if (!OPTIONS.options().containsKey(name)) {
      throw new IllegalArgumentException(
          "--optimizer must be one of adamw (or adamw_torch), adam, sgd, adafactor, lion, got "
              + optimizer);
    }
    Map<String, @Nullable Object> given = new LinkedHashMap<>();
    given.put(BETA1, beta1);
    given.put(BETA2, beta2);
    given.put(EPSILON, epsilon);
    given.put(MOMENTUM, momentum);
    given.put(NESTEROV, nesterov ? true : null);
    OPTIONS.check(name, given);
    return switch (name) {
      case "adam" -> new Adam(or(beta1, 0.9), or(beta2, 0.999), or(epsilon, 1e-8));
      case "sgd" -> new Sgd(or(momentum, 0), nesterov);
      case "adafactor" -> new Adafactor();
      case "lion" -> new Lion(or(beta1, 0.9), or(beta2, 0.99));
      default -> new AdamW(or(beta1, 0.9), or(beta2, 0.999), or(epsilon, 1e-8));
    };
  }

  private static double or(@Nullable Double given, double other) {
    return given == null ? other : given;
  }
}
