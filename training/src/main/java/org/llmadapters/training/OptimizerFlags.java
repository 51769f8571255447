package org.llmadapters.training;

import picocli.CommandLine.Option;

/** The update and the course of the learning rate, named as in LLM-Adapters. */
final class OptimizerFlags {
  @Option(
      names = "--learning-rate",
      defaultValue = "3e-4",
      description = "Peak learning rate (default ${DEFAULT-VALUE}).")
  private double learningRate;

  @Option(
      names = "--lr-scheduler",
      defaultValue = "linear",
      description = "linear, cosine, constant, constant_with_warmup (default ${DEFAULT-VALUE}).")
  private String lrScheduler = "";

  @Option(
      names = "--warmup-steps",
      defaultValue = "0",
      description = "Updates until the peak rate (default ${DEFAULT-VALUE}).")
  private long warmupSteps;

  @Option(
      names = "--weight-decay",
      defaultValue = "0",
      description = "Of AdamW (default ${DEFAULT-VALUE}).")
  private double weightDecay;

  @Option(
      names = "--max-grad-norm",
      defaultValue = "1",
      description =
          "Clip gradients to this global norm; 0 for no limit (default ${DEFAULT-VALUE}).")
  private double maxGradNorm;

  /** The update, with the learning rates of LoRA's factors. */
  OptimizerConfig toOptimizer(FactorRates rates) {
    OptimizerConfig defaults = OptimizerConfig.defaults();
    return new OptimizerConfig(
        defaults.beta1(), defaults.beta2(), defaults.eps(), weightDecay, maxGradNorm, rates);
  }

  /** The learning rate. */
  TrainingOptions.Schedule toSchedule() {
    return new TrainingOptions.Schedule(
        LearningRateSchedule.Kind.of(lrScheduler), learningRate, warmupSteps);
  }
}
